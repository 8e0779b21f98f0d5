"""The mail to operators about changes that an outside system refused; one for each run."""

from documents.commands import command_of
from documents.mails.operators import operator_mail
from documents.text import get_translations, mark
from models.errors import Action, Advice
from models.mails.records import MailContent
from models.sync.records import OutboundKind, ParkedNotice

KINDS = {
    OutboundKind.stock: mark("stock"),
    OutboundKind.payment: mark("payments"),
    OutboundKind.shipment: mark("shipments"),
    OutboundKind.cancellation: mark("cancellations"),
    OutboundKind.buyer_mail: mark("mails to buyers"),
    OutboundKind.order_notice: mark("mails of new orders"),
}
REASONS_SHOWN = 10


def render_parked(notice: ParkedNotice, *, language: str) -> MailContent:
    """Return the mail; the most frequent reasons come first."""
    translate = get_translations(language).gettext
    subject = translate(mark("{account}: refused changes: {count}")).format(
        account=notice.account, count=sum(notice.kinds.values())
    )
    reasons = sorted(notice.reasons.items(), key=lambda item: -item[1])
    values = {
        "notice": notice,
        "kinds": [(translate(KINDS[kind]), number) for kind, number in notice.kinds.items()],
        "reasons": reasons[:REASONS_SHOWN],
        "further": len(reasons[REASONS_SHOWN:]),
        "commands": [
            command_of(Advice(Action.outbound_list, values={"account": notice.account, "state": "parked"})),
            command_of(Advice(Action.outbound_retry)),
        ],
    }
    return operator_mail("mail_parked", subject, language, values)
