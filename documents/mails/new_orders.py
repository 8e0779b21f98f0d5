"""The mail to operators about new orders: about one, or about all of a day."""

from documents.commands import command_of
from documents.mails.operators import operator_mail
from documents.text import get_translations, mark, money
from models.errors import Action, Advice
from models.mails.records import MailContent, OrdersNotice

ROWS_SHOWN = 100


def render_orders(notice: OrdersNotice, *, language: str) -> MailContent:
    """Return the mail; it shows number, total and line count of each order, and no buyers' data."""
    translate = get_translations(language).gettext
    orders = notice.orders
    rows = [
        (order.number, money(order.total, order.currency, language), order.lines)
        for order in orders[:ROWS_SHOWN]
    ]
    if len(orders) == 1:
        subject = translate(mark("{account}: new order {number}, {total}")).format(
            account=notice.account, number=rows[0][0], total=rows[0][1]
        )
    else:
        subject = translate(mark("{account}: {count} new orders")).format(
            account=notice.account, count=len(orders)
        )
    values = {
        "notice": notice,
        "rows": rows,
        "more": len(orders) - len(rows),
        "command": command_of(Advice(Action.order_list, values={"account": notice.account})),
    }
    return operator_mail("mail_orders", subject, language, values)
