"""Looking up what became of messages without an answer."""

from collections.abc import Sequence
from typing import cast

from sqlmodel import Session

from connectors.protocols.orders import OrderStatus
from models.database.session import session_scope
from models.orders.order import OrderState
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from tasks.outbound.read_back import ReadBack, read_back_orders
from tasks.run.work import Work
from tests.support.builders import get_order, make_line, make_order, make_shop, take_in
from tests.support.order_status import status


class System:
    """A system that knows some orders, and notes which ones it is asked for."""

    def __init__(self, *known: str) -> None:
        self.known, self.asked = known, [""]

    @property
    def orders(self) -> "System":
        return self

    def fetch_order_statuses(self, numbers: Sequence[str]) -> list[OrderStatus]:
        self.asked = list(numbers)
        return [status(external_id=number) for number in numbers if number in self.known]


def sent(session: Session, number: str, under: str = "") -> Outbound:
    """Return the row of a message that was sent about an order, perhaps under an older number."""
    order = get_order(session, number)
    values = {"external_id": under or number}
    return Outbound(
        account_id=order.account_id,
        kind=OutboundKind.payment,
        key=str(order.row_id),
        sent_values=values,
    )


def look_up(system: System, rows: Sequence[Outbound], arrived: str) -> tuple[list[int], list[int]]:
    """Return which of the rows have arrived and which are unknown, by position."""
    found: ReadBack = read_back_orders(
        cast(Work, system), rows, lambda values, _status: values["external_id"] == arrived
    )
    positions = {row.key: position for position, row in enumerate(rows)}
    return sorted(positions[key] for key in found.arrived), sorted(positions[key] for key in found.unknown)


def test_messages_arrived_did_not_or_are_unknown(sqlite_database: str) -> None:
    """By what the system shows of each order."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, *(make_order(number, make_line(f"l{number}")) for number in "123"))
        rows = [sent(session, number) for number in "123"]

    assert look_up(System("1", "2"), rows, arrived="1") == ([0], [2])


def test_an_order_that_has_another_number_by_now(sqlite_database: str) -> None:
    """It is asked for by both."""
    with session_scope() as session:
        take_in(session, make_shop(session), make_order("9", make_line("a")))
        rows = [sent(session, "9", under="item-4")]
    system = System("9")

    assert look_up(system, rows, arrived="item-4") == ([0], [])
    assert system.asked == ["9", "item-4"]


def test_a_merged_order_and_a_row_that_was_never_sent(sqlite_database: str) -> None:
    """Neither is asked for, and neither is in doubt."""
    with session_scope() as session:
        take_in(session, make_shop(session), *(make_order(number, make_line(number)) for number in "12"))
        get_order(session, "1").state = OrderState.merged
        rows = [sent(session, "1"), sent(session, "2")]
        rows[1].sent_values = {}
    system = System()

    assert look_up(system, rows, arrived="1") == ([], [])
    assert system.asked == [""]
