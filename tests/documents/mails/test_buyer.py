"""The mails to buyers: each event in both languages, whole, safe, and with a code that banks can read."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from documents.mails.buyer import LEADS, LINES, SUBJECTS, receipt_file_name, render_buyer_mail
from models.mails.records import MailPart
from models.papers.records import BuyerMailData, BuyerMailLine, BuyerMailParcel, PaymentRequest, Place
from models.tenants.records import BankData, BuyerEvent, MailOptions, SellerData

BANK = BankData(holder="Sonnenhof Keramik GmbH", iban="DE02120300000000202051", bic="BYLADEM1001")
LETTER: dict[str, Any] = {
    "language": "de",
    "recipient": "aenne@post.example",
    "buyer": "Änne Groß",
    "order_number": "A-100234",
    "ordered_on": date(2026, 11, 20),
    "currency": "EUR",
    "paid": Decimal("10.00"),
    "owed": Decimal("1224.50"),
    "shop": "Sonnenhof",
    "seller": SellerData(
        name="Sonnenhof Keramik GmbH",
        address=["Am Ölberg 3", "04109 Leipzig"],
        vat_id="DE123456789",
        footer=["HRB 12345, Amtsgericht Leipzig", "Geschäftsführung: Jana Sommer"],
    ),
    "options": MailOptions(reply_to="laden@sonnenhof.example"),
}
GOODS = [
    BuyerMailLine(number="KRUG-1", title="Krug „Abendrot“, 1,5 l", quantity=2, amount=Decimal("59.80")),
    BuyerMailLine(number="TELLER", title="TELLER", quantity=12, amount=Decimal("1169.80")),
]
UNPRICED = [line.model_copy(update={"amount": None}) for line in GOODS]
SUMS = {"lines": GOODS, "total": Decimal("1234.50"), "shipping_amount": Decimal("4.90")}
ASK = PaymentRequest(
    amount=Decimal("1224.50"),
    purpose="Bestellung A-100234",
    due_on=date(2026, 11, 29),
    bank=BANK,
    link="https://pay.example/A-100234?sum=1224.50",
)
HOME = Place(lines=["Änne Groß", "Am Ölberg 3", "04109 Leipzig"])
PARTS: dict[BuyerEvent, dict[str, Any]] = {
    BuyerEvent.order_received: {
        **SUMS,
        "payment_method": "Vorkasse",
        "billing": HOME,
        "shipping": Place(lines=["Werft AG", "Kai 1", "1010 Wien"], country="AT"),
    },
    BuyerEvent.payment_request: {**SUMS, "request": ASK},
    BuyerEvent.payment_reminder: {**SUMS, "request": ASK},
    BuyerEvent.payment_received: {"amount": Decimal("10.00")},
    BuyerEvent.shipped: {
        "lines": UNPRICED,
        "carrier": "DHL Paket",
        "parcels": [
            BuyerMailParcel(number="0034", link="https://t.example/0034"),
            BuyerMailParcel(number="0035"),
        ],
    },
    BuyerEvent.ready_to_collect: {"lines": UNPRICED, "collect_at": ["Hofladen", "Mo–Fr 9–18 Uhr"]},
    BuyerEvent.cancelled: {"lines": UNPRICED},
    BuyerEvent.refund: {"amount": Decimal("1234.50")},
    BuyerEvent.return_received: {"lines": UNPRICED},
}


def letter(event: BuyerEvent, **changes: Any) -> BuyerMailData:
    return BuyerMailData(event=event, **{**LETTER, **PARTS[event], **changes})


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("event", list(BuyerEvent))
def test_each_event_is_told_in_both_languages(event: BuyerEvent, language: str) -> None:
    """Its order, its buyer, all of its parts and who sells, in the text as in the HTML."""
    content = render_buyer_mail(letter(event, language=language))

    wanted = ["A-100234", "Änne Groß", "Sonnenhof Keramik GmbH", "04109 Leipzig", "DE123456789", "HRB 12345"]
    if event in LINES:
        wanted += ["Krug „Abendrot“, 1,5 l", "TELLER", "12 ×"]
    parts = PARTS[event]
    wanted += parts.get("collect_at", []) + [parcel.number for parcel in parts.get("parcels", [])]
    if "request" in parts:
        wanted += ["DE02 1203 0000 0000 2020 51", "BYLADEM1001", "Bestellung A-100234", ASK.link]
        wanted += ["29.11.2026", "1.224,50\u00a0€"] if language == "de" else ["29 Nov 2026", "€1,224.50"]
    for text in (content.text, content.html):
        assert not [word for word in wanted if word not in text]
        assert "None" not in text
        assert "{" not in text
    assert "A-100234" in content.subject
    assert "\n\n\n" not in content.text
    assert [part.content_id for part in content.parts] == (["girocode"] if "request" in parts else [])
    german = {"Bestellung", "Erstattung", "Rücksendung", "Zahlung"}
    assert any(word in content.subject for word in german) is (language == "de")


def test_every_event_has_its_words() -> None:
    """None of them is the same as another's."""
    assert set(SUBJECTS) == set(LEADS) == set(BuyerEvent)
    assert len(set(LEADS.values())) == len(BuyerEvent)


def test_an_order_received_reads_well() -> None:
    """The whole text of one."""
    assert render_buyer_mail(letter(BuyerEvent.order_received)).text == (
        "Ihre Bestellung A-100234\n"
        "\n"
        "Guten Tag Änne Groß,\n"
        "\n"
        "vielen Dank für Ihre Bestellung vom 20.11.2026. Sie ist bei uns eingegangen:\n"
        "\n"
        "Ihre Artikel\n"
        "2 × Krug „Abendrot“, 1,5 l (KRUG-1): 59,80\u00a0€\n"
        "12 × TELLER: 1.169,80\u00a0€\n"
        "\n"
        "Versand: 4,90\u00a0€\n"
        "Gesamtbetrag: 1.234,50\u00a0€\n"
        "Bezahlt: 10,00\u00a0€\n"
        "\n"
        "Zahlungsart: Vorkasse\n"
        "\n"
        "Rechnungsadresse\n"
        "Änne Groß\n"
        "Am Ölberg 3\n"
        "04109 Leipzig\n"
        "\n"
        "Lieferadresse\n"
        "Werft AG\n"
        "Kai 1\n"
        "1010 Wien\n"
        "Österreich\n"
        "\n"
        "Freundliche Grüße\n"
        "Sonnenhof\n"
        "\n"
        "Fragen? Antworten Sie einfach auf diese Mail.\n"
        "\n"
        "-- \n"
        "Sonnenhof Keramik GmbH, Am Ölberg 3, 04109 Leipzig\n"
        "USt-IdNr.: DE123456789\n"
        "HRB 12345, Amtsgericht Leipzig\n"
        "Geschäftsführung: Jana Sommer\n"
    )


@pytest.mark.parametrize(
    ("event", "changes", "there", "missing"),
    [
        (BuyerEvent.shipped, {"is_part": True}, ["Ein Teil", "Der Rest kommt"], ["Ihre Bestellung A"]),
        (BuyerEvent.shipped, {"carrier": "", "parcels": []}, [], ["Ihre Sendung\n", "Sendungsnummer"]),
        (BuyerEvent.cancelled, {"is_part": True}, ["Beim Rest bleibt es"], ["nicht mehr versandt"]),
        (BuyerEvent.cancelled, {"paid": Decimal(0)}, ["nicht mehr versandt"], ["erstatten"]),
        (BuyerEvent.payment_received, {"owed": Decimal(0)}, ["Insgesamt eingegangen"], ["Noch zu zahlen"]),
        (BuyerEvent.order_received, {"buyer": ""}, ["Guten Tag,\n"], []),
        (BuyerEvent.order_received, {"shipping": HOME}, ["Rechnungsadresse"], ["Lieferadresse"]),
        (BuyerEvent.order_received, {"fee_amount": Decimal(-3)}, ["Nachlass: -3,00"], ["Zuschläge"]),
        (BuyerEvent.refund, {"options": MailOptions()}, [], ["Antworten Sie"]),
        (BuyerEvent.payment_request, {"credited": Decimal(5), "paid": 0}, ["Abgezogen: -5,00", "Noch"], []),
        (
            BuyerEvent.payment_request,
            {"request": ASK.model_copy(update={"bank": None})},
            ["Jetzt bezahlen"],
            ["Kontoinhaber", "IBAN"],
        ),
        (
            BuyerEvent.payment_request,
            {"request": ASK.model_copy(update={"link": ""})},
            ["Kontoinhaber"],
            ["Jetzt bezahlen", "Oder per"],
        ),
    ],
)
def test_parts_come_and_go(
    event: BuyerEvent, changes: dict[str, Any], there: list[str], missing: list[str]
) -> None:
    """With what there is to say."""
    text = render_buyer_mail(letter(event, **changes)).text
    assert not [word for word in there if word not in text]
    assert not [word for word in missing if word in text]


def test_what_a_channel_tells_is_escaped() -> None:
    """A buyer's or a listing's text runs nothing and adds nothing to the mail."""
    evil = "<script>alert(1)</script>{{ 7 * 7 }}{number}%(x)s"
    content = render_buyer_mail(
        letter(
            BuyerEvent.shipped,
            buyer=evil,
            carrier=evil,
            order_number=evil,
            lines=[BuyerMailLine(title=evil, quantity=1)],
            parcels=[BuyerMailParcel(number=evil)],
        )
    )
    assert "<script>" not in content.html
    assert content.html.count("&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}{number}%(x)s") >= 5


def test_a_logo_stands_for_the_name_and_a_receipt_is_named() -> None:
    """Each where there is one."""
    seller = LETTER["seller"].model_copy(update={"logo": "ab" * 32})
    paper = MailPart(name="Quittung-A.pdf", media_type="application/pdf", content=b"%PDF")
    plain = render_buyer_mail(letter(BuyerEvent.payment_received))
    content = render_buyer_mail(letter(BuyerEvent.payment_received, seller=seller), [paper])
    assert f'src="cid:logo-{"ab" * 32}"' in content.html
    assert 'alt="Sonnenhof"' in content.html
    assert content.parts == (paper,)
    assert "Die Quittung liegt bei." in content.text
    assert "Quittung" not in plain.text + plain.html
    assert "cid:" not in plain.html
    assert (
        receipt_file_name(letter(BuyerEvent.payment_received, order_number="A/7 b")) == "Quittung-A-7-b.pdf"
    )


@pytest.mark.parametrize(("colour", "ink"), [("#ffe082", "#1f2933"), ("#2f4f6f", "#ffffff")])
def test_words_are_readable_on_the_tenants_colour(colour: str, ink: str) -> None:
    """Dark on a light one, white on a dark one."""
    html = render_buyer_mail(letter(BuyerEvent.refund, options=MailOptions(colour=colour))).html
    assert f"background:{colour};color:{ink}" in html


@pytest.mark.parametrize(
    ("changes", "currency"),
    [
        ({"amount": Decimal(0)}, "EUR"),
        ({"amount": Decimal("0.001")}, "EUR"),
        ({"amount": Decimal(10**9)}, "EUR"),
        ({"purpose": "x" * 141}, "EUR"),
        ({}, "CHF"),
    ],
)
def test_what_no_code_can_say_has_none(changes: dict[str, Any], currency: str) -> None:
    """The data stand there as text all the same."""
    ask = ASK.model_copy(update=changes)
    content = render_buyer_mail(letter(BuyerEvent.payment_request, request=ask, currency=currency))
    assert content.parts == ()
    assert "cid:" not in content.html
    assert "DE02 1203" in content.text
