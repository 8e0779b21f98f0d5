"""The mail to operators about a cycle that fails, still fails, or works again."""

from documents.commands import command_of
from documents.mails.operators import operator_mail, run_link
from documents.text import get_translations, local_time, mark
from models.errors import Action, Advice
from models.mails.records import MailContent
from models.sync.records import AlarmKind, AlarmNotice, Cycle, NoticeKind

TITLES = {
    Cycle.article_import: mark("article import"),
    Cycle.stock_export: mark("stock export"),
    Cycle.order_import: mark("order import"),
    Cycle.payment_sync: mark("payment sync"),
    Cycle.shipping_sync: mark("shipping sync"),
    Cycle.replay: mark("replay"),
    Cycle.reconcile: mark("reconciliation"),
    Cycle.invoicing: mark("invoicing"),
    Cycle.buyer_mail: mark("mails to buyers"),
    Cycle.order_release: mark("order release"),
    Cycle.payment_due: mark("payment reminders"),
}

MEANINGS = {
    Cycle.article_import: mark(
        "New and changed articles do not arrive. Orders for articles that are unknown here will be held."
    ),
    Cycle.stock_export: mark(
        "Stock changes do not reach the channel, so it may sell goods that are not in stock."
    ),
    Cycle.order_import: mark("New orders do not arrive. Buyers wait, and their goods are not reserved."),
    Cycle.payment_sync: mark(
        "Payments are not passed on. Paid orders may look unpaid and wait longer than they must."
    ),
    Cycle.shipping_sync: mark(
        "Shipments are not reported to the channel. Buyers get no tracking numbers, and the "
        "channel may count the orders as late."
    ),
    Cycle.replay: mark(
        "A replay of orders did not finish for all of them. Everything done so far stays done, "
        "and starting it again repeats none of it."
    ),
    Cycle.reconcile: mark(
        "The channel is not compared with this database, so data that was lost or changed stays unnoticed."
    ),
    Cycle.invoicing: mark(
        "Shipped goods are not invoiced. Buyers wait for their invoices, and bookkeeping for its figures."
    ),
    Cycle.buyer_mail: mark(
        "Buyers get no mails: they wait for confirmations, payment details and tracking numbers."
    ),
    Cycle.order_release: mark(
        "Orders that are paid and in stock are not released to the warehouse. Buyers wait."
    ),
    Cycle.payment_due: mark(
        "Buyers who have not paid are not reminded, and their orders keep goods reserved that "
        "others would pay for."
    ),
}
TEST_MEANING = mark("The account is in test mode: nothing outside is affected.")

CHECK_LOGIN = mark(
    "Check the credentials and permissions of the account. The command below tries the login "
    "and names what is wrong. Later runs will fail in the same way until it is corrected."
)
WAIT = mark(
    "The channel cannot be reached or is overloaded. Nothing needs to be done at first: the next runs "
    "try again and catch up. If it lasts, ask the channel's support."
)
LOOK_UP = mark(
    "A change was sent and no answer came. Nothing is sent twice: the next run first looks up what "
    "arrived. If this happens again, look at the run."
)
READ_MESSAGE = mark("The message above says what is missing. Correct it and start the cycle again.")
REPORT_BUG = mark(
    "This looks like a fault in Warenfluss or a changed interface of the channel. Send the link "
    "to the run to the person who maintains Warenfluss."
)
LOOK_AT_MACHINE = mark(
    "The process ended in the middle of its work. Check whether the machine is running and "
    "whether memory or disk space ran out. Nothing is lost: the next run continues where this one "
    "stopped."
)
LOOK_AT_SCHEDULE = mark(
    "Check whether Warenfluss and its workers are running and whether the schedule is switched on."
)

ADVICE_FOR_KIND = {
    AlarmKind.crashed: LOOK_AT_MACHINE,
    AlarmKind.vanished: LOOK_AT_MACHINE,
    AlarmKind.overdue: LOOK_AT_SCHEDULE,
}
ADVICE_FOR_ERROR = {
    "AccountError": CHECK_LOGIN,
    "TransientError": WAIT,
    "UncertainError": LOOK_UP,
    "RuleError": READ_MESSAGE,
    "NotFoundError": READ_MESSAGE,
    "SettingsError": READ_MESSAGE,
}

SUBJECTS = {
    NoticeKind.failure: {
        AlarmKind.failed: mark("{account}: {cycle} failed"),
        AlarmKind.crashed: mark("{account}: {cycle} crashed"),
        AlarmKind.vanished: mark("{account}: {cycle} vanished"),
        AlarmKind.overdue: mark("{account}: {cycle} is overdue"),
    },
    NoticeKind.reminder: dict.fromkeys(AlarmKind, mark("{account}: {cycle} still fails")),
    NoticeKind.recovery: dict.fromkeys(AlarmKind, mark("{account}: {cycle} works again")),
}

LEADS = {
    AlarmKind.failed: mark("A run failed."),
    AlarmKind.crashed: mark("A run crashed: its process ended before its work was done."),
    AlarmKind.vanished: mark("A run vanished: its process has given no sign of life."),
    AlarmKind.overdue: mark("No run has succeeded for much longer than planned."),
}


def render_alarm(notice: AlarmNotice, *, language: str, public_url: str) -> MailContent:
    """Return the mail; links begin with `public_url`, the address of the Prefect UI."""
    translate = get_translations(language).gettext
    title = translate(TITLES[notice.cycle])
    subject = translate(SUBJECTS[notice.notice][notice.kind]).format(account=notice.account, cycle=title)
    advice = _advice(notice)
    values = {
        "notice": notice,
        "cycle": title,
        "lead": translate(LEADS[notice.kind]),
        "meaning": translate(TEST_MEANING if notice.test else MEANINGS[notice.cycle]),
        "advice": translate(advice),
        "command": command_of(Advice(Action.account_check, notice.account)) if advice == CHECK_LOGIN else "",
        "since": local_time(notice.since, language),
        "last_success": local_time(notice.last_success_at, language) if notice.last_success_at else "",
        "ended": local_time(notice.ended_at, language) if notice.ended_at else "",
        "link": run_link(public_url, notice.flow_run_id),
    }
    return operator_mail("mail_alarm", subject, language, values)


def _advice(notice: AlarmNotice) -> str:
    if notice.kind in ADVICE_FOR_KIND:
        return ADVICE_FOR_KIND[notice.kind]
    return ADVICE_FOR_ERROR.get(notice.error.partition(":")[0], REPORT_BUG)
