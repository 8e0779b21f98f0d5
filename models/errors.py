"""What a rule refuses, and what a person can do about it.

A message is a whole sentence: what is refused and why. It holds no secret and no buyer's data. What to do is
`Advice`, which each face words in its own way: the command line as a command, the console as a button.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """One member for each thing that a person can do; `documents.commands` has the command of each."""

    account_add = "account_add"
    account_check = "account_check"
    """Try its login."""
    account_list = "account_list"
    account_mode = "account_mode"
    account_set = "account_set"
    article_list = "article_list"
    bin_add = "bin_add"
    cycle_run = "cycle_run"
    database_replace = "database_replace"
    database_upgrade = "database_upgrade"
    difference_list = "difference_list"
    difference_mend = "difference_mend"
    document_correct = "document_correct"
    document_list = "document_list"
    document_resume = "document_resume"
    """Name the last numbers given, after a restore."""
    doctor = "doctor"
    erasure_list = "erasure_list"
    exchange_rate_set = "exchange_rate_set"
    mail_list = "mail_list"
    mail_retry = "mail_retry"
    match_list = "match_list"
    method_add = "method_add"
    method_list = "method_list"
    offer_list = "offer_list"
    order_list = "order_list"
    order_method = "order_method"
    """Send or charge an order by another method."""
    order_parts = "order_parts"
    """Set whether available units may ship before missing ones."""
    order_separate = "order_separate"
    order_show = "order_show"
    order_take = "order_take"
    order_unsplit = "order_unsplit"
    outbound_list = "outbound_list"
    outbound_retry = "outbound_retry"
    payment_choose = "payment_choose"
    pick_list = "pick_list"
    rejected_list = "rejected_list"
    rejected_retry = "rejected_retry"
    replay = "replay"
    return_cancel = "return_cancel"
    return_list = "return_list"
    run_list = "run_list"
    start = "start"
    """Start everything on this machine."""
    tenant_add = "tenant_add"
    tenant_choose = "tenant_choose"
    tenant_list = "tenant_list"
    tenant_set = "tenant_set"
    vat_rates_set = "vat_rates_set"
    warehouse_add = "warehouse_add"
    worker_start = "worker_start"


@dataclass(frozen=True)
class Advice:
    """One thing to do: with what, and how. Plain data that can be pickled, without any buyer's data.

    Example: `Advice(Action.account_set, "shop", {"invoices": "channel"})`.
    """

    action: Action
    subject: str = ""
    """The name or number of what it is done with; empty, if the person chooses it."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What to state or change, by field; an empty value is one that the person fills in."""


class RuleError(Exception):
    """The rules do not allow the request; nothing was changed."""

    def __init__(self, text: str, *advice: Advice) -> None:
        super().__init__(text)
        self.advice = advice
        """What to do about it; of several any one helps."""


class NotFoundError(RuleError):
    """There is nothing with this name or number."""


class SettingsError(RuleError):
    """A setting prevents the start."""


class UnexpectedError(Exception):
    """A bug: its type and place, without the original message, which may quote a record."""


class DatabaseError(Exception):
    """The database failed: class, code and place of its error, without the statement and its values."""

    def __init__(self, text: str, may_pass: bool = False) -> None:
        super().__init__(text)
        self.may_pass = may_pass
        """Whether the same step may work later."""


class LeaseHeldError(RuleError):
    """Another run holds the lease of this account and cycle."""


class LeaseLostError(Exception):
    """This run lost its lease to another; its uncommitted changes must not be committed."""
