"""Cycle: a kind of sync, and which accounts have it."""

from models.errors import RuleError
from models.sync.records import Cycle
from models.tenants.account import Account, makes_invoices, sends_mails
from models.tenants.options import ChannelOptions, Release
from models.tenants.records import OWN

CYCLES_OF_OWN_ORDERS = (Cycle.order_release, Cycle.payment_due, Cycle.invoicing, Cycle.buyer_mail)
"""Cycles that ask no channel: all that an account of the kind `OWN` has."""

DOES_WORK_OF: dict[Cycle, tuple[Cycle, ...]] = {
    Cycle.replay: (Cycle.order_import, Cycle.payment_sync, Cycle.shipping_sync),
}
"""Cycles that do the work of other cycles: they hold the leases of these, too."""


def has_cycle(kind: str, cycle: Cycle) -> bool:
    """Return whether a kind of account can have a cycle."""
    return kind != OWN or cycle in CYCLES_OF_OWN_ORDERS


def runs_for(account: Account, cycle: Cycle) -> bool:
    """Return whether an account has this cycle: some only where settings ask for them, or with a channel."""
    if not has_cycle(account.kind, cycle):
        return False
    options = ChannelOptions.model_validate(account.settings)
    match cycle:
        case Cycle.invoicing:
            return makes_invoices(account)
        case Cycle.buyer_mail:
            return sends_mails(account)
        case Cycle.order_release:
            return options.release is Release.automatic
        case Cycle.payment_due:
            return options.remind_after_days is not None
    return True


def check_has_cycle(name: str, kind: str, cycle: Cycle) -> None:
    """Make sure that a kind of account can have a cycle. Raises: RuleError."""
    if not has_cycle(kind, cycle):
        raise RuleError(
            f"Account {name!r} takes orders by hand and has no channel: there is no {cycle} of it, only "
            f"{', '.join(CYCLES_OF_OWN_ORDERS)}."
        )


def leases_of(cycle: Cycle) -> list[Cycle]:
    """Return the cycles whose leases a run of this cycle holds, in the order in which it takes them."""
    return sorted({cycle, *DOES_WORK_OF.get(cycle, ())})
