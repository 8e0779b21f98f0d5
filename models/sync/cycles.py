"""Cycles: what each one needs, when it runs, and which accounts have it.

`CYCLES` declares each cycle once. Deployments, schedules, alarms, leases and the overview follow from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.errors import RuleError
from models.sync.records import Cycle, OutboundKind
from models.tenants.account import Account, find_options
from models.tenants.account_kinds import AccountKind, Capability, Family, kind_of
from models.tenants.options import ChannelOptions, Release, makes_invoices, sends_mails
from models.tenants.records import AccountOptions


@dataclass(frozen=True)
class CycleSpec:
    """What is true of a cycle for every account."""

    every_minutes: int | None
    """How often it runs until a person changes that. None: people start it, and it is never overdue."""
    needs: frozenset[Capability] = frozenset()
    """What the account must be able to do."""
    family: Family | None = None
    """Only accounts of this family have it: orders belong to channels. None: accounts of every family."""
    wanted: Callable[[AccountOptions], bool] | None = None
    """Whether the account's options ask for it. None: every account that can have the cycle has it."""
    publishes: tuple[OutboundKind, ...] = ()
    """What it takes from the outbound queue."""
    works_as: tuple[Cycle, ...] = ()
    """Cycles that it does the work of: it holds their leases, too."""
    area: str = ""
    """The head of its column in the overview. Empty: it has none."""

    @property
    def in_house(self) -> bool:
        """Whether it needs no outside system."""
        return not self.needs


def _releases(options: AccountOptions) -> bool:
    return isinstance(options, ChannelOptions) and options.release is Release.automatic


def _reminds(options: AccountOptions) -> bool:
    return isinstance(options, ChannelOptions) and options.remind_after_days is not None


CYCLES: Mapping[Cycle, CycleSpec] = {
    Cycle.article_import: CycleSpec(
        every_minutes=30, needs=frozenset({Capability.articles}), area="articles"
    ),
    Cycle.order_import: CycleSpec(
        every_minutes=5, needs=frozenset({Capability.orders}), family=Family.channel, area="orders"
    ),
    Cycle.stock_export: CycleSpec(
        every_minutes=5,
        needs=frozenset({Capability.stock}),
        publishes=(OutboundKind.stock,),
        area="stock",
    ),
    Cycle.payment_sync: CycleSpec(
        every_minutes=10,
        # It reads payments with the orders, or publishes ours: the account's option `payments` says which.
        needs=frozenset({Capability.orders}),
        family=Family.channel,
        publishes=(OutboundKind.payment,),
        area="payments",
    ),
    Cycle.shipping_sync: CycleSpec(
        every_minutes=10,
        needs=frozenset({Capability.shipments}),
        family=Family.channel,
        publishes=(OutboundKind.shipment, OutboundKind.cancellation),
        area="shipments",
    ),
    Cycle.order_release: CycleSpec(every_minutes=5, family=Family.channel, wanted=_releases, area="releases"),
    Cycle.payment_due: CycleSpec(
        every_minutes=1440, family=Family.channel, wanted=_reminds, area="reminders"
    ),
    Cycle.invoicing: CycleSpec(
        every_minutes=10, family=Family.channel, wanted=makes_invoices, area="invoices"
    ),
    Cycle.buyer_mail: CycleSpec(
        every_minutes=5,
        family=Family.channel,
        wanted=sends_mails,
        publishes=(OutboundKind.buyer_mail, OutboundKind.order_notice),
        area="mails",
    ),
    Cycle.reconcile: CycleSpec(
        every_minutes=1440, needs=frozenset({Capability.orders}), family=Family.channel, area="compared"
    ),
    Cycle.replay: CycleSpec(
        every_minutes=None,
        needs=frozenset({Capability.orders}),
        family=Family.channel,
        works_as=(Cycle.order_import, Cycle.payment_sync, Cycle.shipping_sync),
    ),
}
"""All cycles in business order: a new account first reads articles, then orders."""

PUBLISHED_BY: Mapping[OutboundKind, Cycle] = {
    kind: cycle for cycle, spec in CYCLES.items() for kind in spec.publishes
}
"""The cycle that publishes each kind of change."""


def has_cycle(kind: AccountKind, cycle: Cycle) -> bool:
    """Return whether accounts of a kind can have a cycle."""
    spec = CYCLES[cycle]
    return spec.needs <= kind.capabilities and spec.family in (None, kind.family)


def has_cycle_now(account: Account, cycle: Cycle) -> bool:
    """Return whether an account has a cycle: its kind can have it, and its options ask for it.

    An account whose stored settings do not fit has every cycle of its kind: their runs fail and say so.
    """
    spec = CYCLES[cycle]
    if not has_cycle(kind_of(account.kind), cycle):
        return False
    if spec.wanted is None:
        return True
    options = find_options(account)
    return options is None or spec.wanted(options)


def check_has_cycle(name: str, kind: AccountKind, cycle: Cycle) -> None:
    """Make sure that an account's kind can have a cycle. Raises: RuleError, naming its cycles."""
    if has_cycle(kind, cycle):
        return
    possible = ", ".join(each for each in CYCLES if has_cycle(kind, each))
    raise RuleError(
        f"Account {name!r} of the kind {kind.name!r} has no {cycle}: "
        + (f"it can have {possible}." if possible else "there is no cycle for such accounts.")
    )


def leases_of(cycle: Cycle) -> list[Cycle]:
    """Return the cycles whose leases a run of this cycle holds, in the order in which it takes them."""
    return sorted({cycle, *CYCLES[cycle].works_as})
