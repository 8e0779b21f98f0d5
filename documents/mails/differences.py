"""The mail to operators about new differences between a channel and this database."""

from documents.commands import command_of
from documents.mails.operators import operator_mail, run_link
from documents.text import get_translations, mark
from models.errors import Action, Advice
from models.mails.records import MailContent
from models.reconciliation.records import DifferenceKind, DifferenceNotice

TITLES = {
    DifferenceKind.order_not_here: mark("the order is missing here"),
    DifferenceKind.order_not_there: mark("the channel does not know the order"),
    DifferenceKind.order_differs: mark("the order differs"),
    DifferenceKind.payment: mark("the payment differs"),
    DifferenceKind.shipment: mark("the shipping differs"),
    DifferenceKind.cancellation: mark("the order is cancelled only here"),
    DifferenceKind.stock: mark("the stock differs"),
}
SUBJECT = mark("{account}: {count} new differences")
SUBJECT_ONE = mark("{account}: one new difference")


def render_differences(notice: DifferenceNotice, *, language: str, public_url: str) -> MailContent:
    """Return the mail; links begin with `public_url`, the address of the Prefect UI."""
    translate = get_translations(language).gettext
    pattern = SUBJECT_ONE if notice.new == 1 else SUBJECT
    subject = translate(pattern).format(account=notice.account, count=notice.new)
    rows = [
        {
            **row,
            "title": translate(TITLES[DifferenceKind(row["kind"].replace(" ", "_"))]),
            "command": command_of(advice),
        }
        for row, advice in notice.shown
    ]
    values = {
        "notice": notice,
        "rows": rows,
        "more": notice.new - len(rows),
        "command": command_of(Advice(Action.difference_list, values={"account": notice.account})),
        "link": run_link(public_url, notice.flow_run_id),
    }
    return operator_mail("mail_differences", subject, language, values)
