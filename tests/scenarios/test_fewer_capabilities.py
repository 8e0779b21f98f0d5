"""A channel that can do less than Afterbuy: every cycle that it has still does its work."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

import tasks.run.work
from connectors.protocols.connection import Connection
from connectors.registry import open_connection
from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.orders.queries import find_order
from models.sync.cycles import CYCLES, has_cycle
from models.sync.records import Cycle
from models.tenants.account_kinds import AFTERBUY, KINDS, Capability
from tests.flows.conftest import Shop
from tests.support.steps import add_mug, prepare


@pytest.mark.parametrize("missing", Capability)
def test_each_cycle_it_has_does_its_work(
    missing: Capability, sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever one thing the channel cannot do, no run asks it for that."""
    mug = add_mug(sqlite_shop, 20, "M-1")
    prepare(sqlite_shop, Cycle.article_import)
    theirs = sqlite_shop.channel.place_order([(mug.id, 2)])
    prepare(sqlite_shop, Cycle.order_import)
    kind = replace(AFTERBUY, capabilities=AFTERBUY.capabilities - {missing})
    monkeypatch.setitem(KINDS, AFTERBUY.name, kind)
    monkeypatch.setattr(
        tasks.run.work,
        "open_connection",
        lambda *arguments, **options: _without(missing, open_connection(*arguments, **options)),
    )
    with session_scope() as session:
        order = find_order(session, str(theirs.order_id))
        record_shipment(session, order, "DHL", [ParcelData()], datetime(2026, 11, 20, tzinfo=UTC))

    asking = [cycle for cycle, spec in CYCLES.items() if spec.needs and cycle is not Cycle.replay]
    cycles = [cycle for cycle in asking if has_cycle(kind, cycle)]
    for cycle in cycles:
        prepare(sqlite_shop, cycle)

    assert len(cycles) >= 3
    record = sqlite_shop.channel.order(theirs.order_id)
    assert (record.delivery_date is not None) is (missing is not Capability.shipments)


def _without(missing: Capability, connection: Connection) -> Connection:
    fields: dict[str, Any] = {str(missing): None}
    return replace(connection, **fields)
