"""The command for each action that a rule advises, for mails to operators and for the command line."""

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from models.errors import Action, Advice, RuleError

PROGRAM = "warenfluss"
BLANK = re.compile(r"\b[A-Z_]{2,}\b")
"""A word in capitals: it stands for a value, and stays if the person has to fill it in."""


class Command(NamedTuple):
    """A command line, and what it does: together they make a sentence."""

    line: str
    """The first word in capitals stands for the advice's subject, the others for its values of that name. A
    line that begins with an option is added to the command that was refused."""
    purpose: str


COMMANDS = {
    Action.account_add: Command("account add ACCOUNT --kind KIND --tenant TENANT", "adds an account"),
    Action.account_check: Command("account check ACCOUNT", "tries the login"),
    Action.account_list: Command("account list", "shows the accounts"),
    Action.account_mode: Command("account mode ACCOUNT MODE", "changes the mode"),
    Action.account_set: Command("account set ACCOUNT", "changes the settings"),
    Action.article_list: Command("article list", "shows the articles"),
    Action.bin_add: Command("bin add BIN", "adds the bin"),
    Action.cycle_run: Command("sync CYCLE --account ACCOUNT", "runs the cycle now"),
    Action.database_replace: Command("db restore FILE --replace", "moves the present database aside"),
    Action.database_upgrade: Command("db upgrade", "brings the tables up to date"),
    Action.difference_list: Command("reconcile list", "shows the differences and how to mend each"),
    Action.difference_mend: Command("reconcile mend DIFFERENCE", "mends the difference"),
    Action.document_correct: Command("document correct DOCUMENT --reason REASON", "cancels the invoice"),
    Action.document_list: Command("document list", "shows the documents"),
    Action.document_resume: Command(
        "document resume TENANT --last NUMBER", "continues after the last number given, such as RE-2026-00042"
    ),
    Action.doctor: Command("doctor", "says what else is wrong"),
    Action.erasure_list: Command("buyer erased --json", "writes the list of erasures"),
    Action.exchange_rate_set: Command(
        "tenant exchange-rate TENANT CURRENCY RATE --month MONTH", "states the rate of a month"
    ),
    Action.mail_list: Command("mail list", "shows the mails, and what the mail server said"),
    Action.mail_retry: Command("mail retry MAIL", "tries a mail again"),
    Action.match_list: Command("match list", "shows the lines without an article"),
    Action.method_add: Command("method add METHOD", "adds a shipping method"),
    Action.method_list: Command("method list", "shows the methods of the channels"),
    Action.offer_list: Command("offer list", "shows the offers"),
    Action.order_list: Command("order list", "shows the orders"),
    Action.order_method: Command("mend method ORDER", "changes the method"),
    Action.order_parts: Command("mend parts ORDER ALLOWED", "sets it for one order"),
    Action.order_separate: Command("order part ORDER", "separates the order from the others"),
    Action.order_show: Command("order show ORDER", "shows the order"),
    Action.order_take: Command("order take FILE", "takes an order by hand"),
    Action.order_unsplit: Command("order unsplit ORDER", "releases what is held back"),
    Action.outbound_list: Command("outbound list", "shows the changes that wait"),
    Action.outbound_retry: Command("outbound retry --all", "sends them again"),
    Action.payment_choose: Command("--payment PAYMENT", "states it"),
    Action.pick_list: Command("pick list", "shows the open pick lists"),
    Action.rejected_list: Command("rejected list", "shows the rejected records"),
    Action.rejected_retry: Command("rejected retry ENTRY", "fetches one again"),
    Action.replay: Command("replay --account ACCOUNT --run RUN", "starts it again"),
    Action.return_cancel: Command("return cancel RETURN", "ends the return"),
    Action.return_list: Command("return list", "shows the returns"),
    Action.run_list: Command("run list", "shows the runs"),
    Action.start: Command("up", "starts everything on this machine"),
    Action.tenant_add: Command("tenant add TENANT", "adds a tenant"),
    Action.tenant_choose: Command("--tenant TENANT", "names one"),
    Action.tenant_list: Command("tenant list", "shows the tenants"),
    Action.tenant_set: Command("tenant set TENANT", "states what is missing"),
    Action.vat_rates_set: Command("tenant vat-rates TENANT AREA STANDARD", "states other rates"),
    Action.warehouse_add: Command("stock warehouse WAREHOUSE --priority PRIORITY", "adds the warehouse"),
    Action.worker_start: Command("worker", "runs cycles on this machine"),
}
OPTIONS = {
    "account": "--account ACCOUNT",
    "address": "--set seller.address=LINE --set seller.address=LINE",
    "bank_holder": "--set bank.holder=NAME",
    "below_threshold": "--set taxes.below_threshold=true",
    "buyer_mails": "--set buyer_mails=EVENTS",
    "held": "--held",
    "iban": "--set bank.iban=IBAN",
    "invoices": "--set invoices=SIDE",
    "invoices_from": "--set invoices_from=DATE",
    "legal_name": "--set seller.name=NAME",
    "order_notice": "--set order_notice=WHEN",
    "oss_from": "--set taxes.oss_from=DATE",
    "payment_link": "--set mails.payment_link=LINK",
    "setting": "--set NAME=VALUE",
    "shipping": "--shipping METHOD",
    "state": "--state STATE",
    "tax_number": "--set seller.tax_number=NUMBER",
    "told_rates": "--set taxes.told_rates=RATES",
    "vat_id": "--set seller.vat_id=ID",
    "warehouse": "--warehouse WAREHOUSE",
}
"""The option for a value that has no place of its own in the command."""


def command_of(advice: Advice) -> str:
    """Return the command line of an advice; words in capitals are for the person to fill in."""
    line = COMMANDS[advice.action].line
    blanks = BLANK.findall(line)
    values = {name.upper(): value for name, value in advice.values.items() if name.upper() in blanks}
    if advice.subject:
        values[blanks[0]] = advice.subject
    words = [_fill(line, values)]
    for name, value in advice.values.items():
        if name.upper() not in blanks:
            option = OPTIONS[name]
            words.append(_fill(option, dict.fromkeys(BLANK.findall(option), value)))
    return " ".join(words if line.startswith("--") else [PROGRAM, *words])


def sentences_of(advice: Sequence[Advice]) -> str:
    """Return what to do in sentences, one for each action; empty without advice.

    Example: "`warenfluss order unsplit 4711` releases what is held back."
    """
    sentences = []
    for action, group in groupby(advice, lambda each: each.action):
        commands = " or ".join(f"`{command_of(each)}`" for each in group)
        sentences.append(f"{commands} {COMMANDS[action].purpose}.")
    return " ".join(sentences)


def explain(error: RuleError) -> str:
    """Return a refusal followed by what to do about it."""
    text = str(error)
    if not error.advice:
        return text
    # A message of several lines is a list of faults: what to do stands below all of them.
    separator = "\n" if "\n" in text else " "
    return f"{text}{separator}{sentences_of(error.advice)}"


def _fill(line: str, values: Mapping[str, str]) -> str:
    return BLANK.sub(lambda blank: shlex.quote(values.get(blank[0]) or blank[0]), line)
