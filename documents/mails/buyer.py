"""Mails to buyers: one template for all events; the wording and the parts depend on the event."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from documents.giro_code import draw_giro_code, giro_text
from documents.payment_names import payment_name
from documents.text import country_name, get_translations, local_day, mark, money, render
from models.mails.records import MailContent, MailPart, logo_id
from models.papers.records import BuyerMailData, Place
from models.tenants.records import BuyerEvent

SUBJECTS = {
    BuyerEvent.order_received: mark("Your order {number}"),
    BuyerEvent.payment_request: mark("Payment of your order {number}"),
    BuyerEvent.payment_reminder: mark("Reminder: payment of your order {number}"),
    BuyerEvent.payment_received: mark("Payment received for your order {number}"),
    BuyerEvent.shipped: mark("Your order {number} is on its way"),
    BuyerEvent.ready_to_collect: mark("Your order {number} is ready to be collected"),
    BuyerEvent.cancelled: mark("Your order {number} was cancelled"),
    BuyerEvent.refund: mark("Refund for your order {number}"),
    BuyerEvent.return_received: mark("Your return for order {number} has arrived"),
}
PART_SUBJECTS = {
    BuyerEvent.shipped: mark("Part of your order {number} is on its way"),
    BuyerEvent.cancelled: mark("Part of your order {number} was cancelled"),
}
LEADS = {
    BuyerEvent.order_received: mark("Thank you for your order of {day}. We have received it:"),
    BuyerEvent.payment_request: mark(
        "Thank you for your order of {day}. Please pay {owed} by {due}; we reserve your goods until then."
    ),
    BuyerEvent.payment_reminder: mark(
        "We have not yet received {owed} for your order of {day}. Please pay by {due}. If you "
        "have already paid, please ignore this mail."
    ),
    BuyerEvent.payment_received: mark(
        "Thank you: your payment of {amount} for your order of {day} has arrived."
    ),
    BuyerEvent.shipped: mark("Your order of {day} has been shipped."),
    BuyerEvent.ready_to_collect: mark(
        "Your order of {day} is ready. Please bring the order number and an identity card."
    ),
    BuyerEvent.cancelled: mark("Your order of {day} was cancelled and will not be shipped."),
    BuyerEvent.refund: mark("We have refunded {amount} for your order of {day}."),
    BuyerEvent.return_received: mark("We have received your return for your order of {day}."),
}
PART_LEADS = {
    BuyerEvent.shipped: mark(
        "Part of your order of {day} has been shipped. The rest follows in another parcel."
    ),
    BuyerEvent.cancelled: mark(
        "Part of your order of {day} was cancelled. The rest remains as you ordered it."
    ),
}
NOTES = {
    BuyerEvent.cancelled: mark("We refund what you have paid for it."),
    BuyerEvent.refund: mark("You receive it by the method with which you paid; that can take a few days."),
    BuyerEvent.return_received: mark(
        "We will inspect it and let you know as soon as your refund is on its way."
    ),
}
LINES = {
    BuyerEvent.order_received: mark("Your items"),
    BuyerEvent.payment_request: mark("Your items"),
    BuyerEvent.payment_reminder: mark("Your items"),
    BuyerEvent.shipped: mark("Items in this shipment"),
    BuyerEvent.ready_to_collect: mark("Items ready for collection"),
    BuyerEvent.cancelled: mark("Cancelled items"),
    BuyerEvent.return_received: mark("Items received"),
}
CODE_ID = "girocode"
EURO = "EUR"


def render_buyer_mail(mail: BuyerMailData, papers: Sequence[MailPart] = ()) -> MailContent:
    """Return a mail as text and HTML with `papers` attached; the HTML shows a GiroCode if one is possible."""
    language, event = mail.language, mail.event
    translate = get_translations(language).gettext

    def cash(amount: Decimal) -> str:
        return money(amount, mail.currency, language)

    words = {
        "number": mail.order_number,
        "day": local_day(mail.ordered_on, language),
        "owed": cash(mail.owed),
        "amount": cash(mail.amount),
        "due": local_day(mail.request.due_on, language) if mail.request else "",
    }

    def say(texts: dict[BuyerEvent, str], parts: dict[BuyerEvent, str]) -> str:
        text = parts[event] if mail.is_part and event in parts else texts.get(event, "")
        return translate(text).format(**words) if text else ""

    subject = say(SUBJECTS, PART_SUBJECTS)
    code = _giro_code(mail)
    values = {
        "mail": mail,
        "payment": payment_name(mail.payment_method, language),
        "subject": subject,
        "greeting": translate(mark("Hello {name},")).format(name=mail.buyer)
        if mail.buyer
        else translate(mark("Hello,")),
        "lead": say(LEADS, PART_LEADS),
        # The buyer of an unpaid order gets no refund.
        "note": "" if event is BuyerEvent.cancelled and mail.paid <= 0 else say(NOTES, {}),
        "lines_title": say(LINES, {}),
        "sums": _sums(mail, cash, translate),
        "addresses": _addresses(mail, translate),
        "transfer": _transfer(mail, cash, words["due"], translate),
        "cash": cash,
        "code_id": CODE_ID if code else "",
        "logo_id": logo_id(mail.seller.logo) if mail.seller.logo else "",
        "attached": bool(papers),
        "ink": _ink_on(mail.options.colour),
        "sender": [mail.seller.name, *mail.seller.address],
        "answers": bool(mail.options.reply_to or mail.options.sender_address),
    }
    return MailContent(
        subject=subject,
        text=render("mail_buyer.txt", language, **values),
        html=render("mail_buyer.html", language, **values),
        parts=(*code, *papers),
    )


def receipt_file_name(mail: BuyerMailData) -> str:
    """Return the file name of an attached receipt."""
    title = get_translations(mail.language).gettext("Receipt")
    number = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in mail.order_number)
    return f"{title}-{number}.pdf"


def _giro_code(mail: BuyerMailData) -> tuple[MailPart, ...]:
    """Return the GiroCode of a bank transfer in euro; empty if the payment cannot be a GiroCode."""
    request = mail.request
    if request is None or request.bank is None or mail.currency != EURO:
        return ()
    try:
        text = giro_text(
            holder=request.bank.holder,
            iban=request.bank.iban,
            bic=request.bank.bic,
            amount=request.amount,
            purpose=request.purpose,
        )
        picture = draw_giro_code(text)
    except ValueError:
        # The mail shows the same data as text, too.
        return ()
    return (MailPart(name="girocode.png", media_type="image/png", content=picture, content_id=CODE_ID),)


def _sums(mail: BuyerMailData, cash: Any, translate: Any) -> list[tuple[str, str, bool]]:
    """Return (name, amount, bold) for each sum."""
    if mail.total is None:
        if mail.event is not BuyerEvent.payment_received:
            return []
        sums = [(translate(mark("Received in total")), cash(mail.paid), True)]
        if mail.owed > 0:
            sums.append((translate(mark("Still to be paid")), cash(mail.owed), True))
        return sums
    fees = mark("Discount") if mail.fee_amount < 0 else mark("Fees")
    extras = [(mark("Shipping"), mail.shipping_amount), (fees, mail.fee_amount)]
    sums = [(translate(name), cash(amount), False) for name, amount in extras if amount]
    sums.append((translate(mark("Total")), cash(mail.total), True))
    if mail.credited:
        sums.append((translate(mark("Deducted")), cash(-mail.credited), False))
    if mail.paid:
        sums.append((translate(mark("Paid")), cash(mail.paid), False))
    if mail.request is not None and (mail.paid or mail.credited):
        sums.append((translate(mark("Still to be paid")), cash(mail.owed), True))
    return sums


def _transfer(mail: BuyerMailData, cash: Any, due: str, translate: Any) -> list[tuple[str, str]]:
    """Return the data of a bank transfer as (name, value); empty without a bank account."""
    if mail.request is None or mail.request.bank is None:
        return []
    bank = mail.request.bank
    rows = [
        (mark("Amount"), cash(mail.request.amount)),
        (mark("Reference"), mail.request.purpose),
        (mark("Account holder"), bank.holder),
        (mark("IBAN"), " ".join(bank.iban[start : start + 4] for start in range(0, len(bank.iban), 4))),
        (mark("BIC"), bank.bic),
        (mark("Payable by"), due),
    ]
    return [(translate(name), value) for name, value in rows if value]


def _addresses(mail: BuyerMailData, translate: Any) -> list[tuple[str, list[str]]]:
    """Return (title, lines) for each address; if both are the same, only the first."""
    named = [(mark("Billing address"), mail.billing), (mark("Shipping address"), mail.shipping)]
    given = [(translate(title), _address(address, mail.language)) for title, address in named if address]
    return given[:1] if len(given) == 2 and given[0][1] == given[1][1] else given


def _address(address: Place, language: str) -> list[str]:
    return [*address.lines, *filter(None, [country_name(address.country, language)])]


def _ink_on(colour: str) -> str:
    """Return the text colour, white or nearly black, that is easier to read on a background."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#ffffff" if 299 * red + 587 * green + 114 * blue < 160_000 else "#1f2933"
