"""Look up at an outside system what became of messages that may have been sent without an answer."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from connectors.protocols.orders import OrderStatus
from models.database.session import read_scope
from models.orders.queries import list_publishable
from models.sync.outbound import Outbound
from tasks.run.work import Work


@dataclass(frozen=True)
class ReadBack:
    """What became of messages, by their keys. A message in neither set did not arrive."""

    arrived: Set[str] = frozenset()
    """The system holds what was sent."""
    unknown: Set[str] = frozenset()
    """The system does not show the subject: whether the message arrived cannot be seen."""


def read_back_orders(
    work: Work, rows: Sequence[Outbound], is_there: Callable[[Mapping[str, Any], OrderStatus], bool]
) -> ReadBack:
    """Look up messages about orders; `is_there` says whether a status shows the values that were sent.

    An order may have another number by now, so that the old and the new one are asked for. A merged order has
    none, and the order that has its lines now is published anew. A row without values was never sent.
    """
    with read_scope() as session:
        orders = list_publishable(session, [int(row.key) for row in rows])
    numbers = {str(order.id): order.external_id for order in orders}
    sent = {row.key: row.sent_values for row in rows if row.sent_values and row.key in numbers}
    wanted = sorted(
        {number for key, values in sent.items() for number in (values["external_id"], numbers[key])}
    )
    statuses = {one.external_id: one for one in work.orders.fetch_order_statuses(wanted)} if wanted else {}
    found = {
        key: statuses.get(numbers[key]) or statuses.get(values["external_id"]) for key, values in sent.items()
    }
    return ReadBack(
        arrived={key for key, status in found.items() if status is not None and is_there(sent[key], status)},
        unknown={key for key, status in found.items() if status is None},
    )
