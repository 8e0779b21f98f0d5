"""A whole connection: its logins, its bad days, and the sample account in every look."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.afterbuy.simulator import Fault, Simulator, sample_state
from connectors.errors import AccountError, TransientError
from connectors.protocols.orders import OrderQuery
from connectors.protocols.results import Outcome
from models.catalog.records import ArticleKind
from tests.connectors.afterbuy.rig import AfterbuyRig
from tests.connectors.afterbuy.steps import BOTH, articles_of, orders_of, outcomes, payment, place
from tests.connectors.contract.rig import need


@pytest.mark.parametrize("ugly", [False, True])
@BOTH
def test_the_sample_data_reads_whole_in_every_look(ugly: bool, bound: str) -> None:
    """All of it, with the ugly variants: case, one-or-many, points, -1, doubled escapes, empty elements."""
    with AfterbuyRig() as rig:
        rig.simulator.state = sample_state(products=60, orders=80)
        rig.simulator.switches.change(ugly=ugly, range_from=bound, attribute_spelling="mixed")
        with rig.open(page_size=50, article_page_size=50) as connection:
            records, rejected = orders_of(connection, OrderQuery(include_open_checkouts=True))
            articles = articles_of(connection)
    assert rejected == []
    assert len(records) == len(rig.simulator.state.orders)
    assert len(articles) == len(rig.simulator.state.products)
    told = {str(one.order_id or f"item-{one.key}"): one for one in rig.simulator.state.orders.values()}
    for record in records:
        order = told[record.external_id]
        assert (record.total, record.paid_amount) == (order.full_amount, order.already_paid)
        assert [(line.external_id, line.quantity, line.price) for line in record.lines] == [
            (str(item.id), item.quantity, item.price) for item in order.items
        ]
    assert {one.kind for one in articles} == set(ArticleKind)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html_page(),
        Fault.http_status(500),
        Fault.throttle(7),
        Fault.cut_body(at_byte=100),
        Fault.cut_body(at_byte=100, honest_length=True),
        Fault.reset_before(),
        Fault.reset_after(),
        Fault.entity_bomb(),
        Fault.oversized(),
        Fault.timeout(3),
        Fault.error(52),
        Fault.error(52, status="Success"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.code}",
)
def test_a_read_on_a_bad_day_is_transient(rig: AfterbuyRig, fault: Fault) -> None:
    place(rig, 1)
    rig.simulator.faults.add(fault)
    with rig.open(read_timeout_seconds=2) as connection:
        with pytest.raises(TransientError) as caught:
            need(connection.orders).fetch_orders(OrderQuery(), None)
        assert caught.value.retry_after == (7 if fault.kind == "throttle" else None)
        assert len(need(connection.orders).fetch_orders(OrderQuery(), None).records) == 1


@pytest.mark.parametrize("code", [4, 8, 9, 10, 11, 13, 14, 35, 38, 60])
def test_a_refused_login_stops_the_account_whatever_its_code(rig: AfterbuyRig, code: int) -> None:
    rig.simulator.faults.add(Fault.refuse_login(code))
    with rig.open() as connection, pytest.raises(AccountError, match=f"error {code}"):
        connection.clock.check()


def test_a_wrong_token_stops_the_account(rig: AfterbuyRig) -> None:
    rig.secrets = {**rig.secrets, "account_token": "guessed-token"}
    with rig.open() as connection, pytest.raises(AccountError) as caught:
        connection.clock.check()
    assert "guessed-token" not in str(caught.value)


def test_the_older_login_works_as_well(rig: AfterbuyRig) -> None:
    known = rig.simulator.switches
    rig.secrets = {
        "partner_id": known.partner_id,
        "partner_password": known.partner_password,
        "user_id": known.user_id,
        "user_password": known.user_password,
    }
    with rig.open() as connection:
        assert abs(connection.clock.check() - datetime.now(UTC)) < timedelta(seconds=30)


def test_the_old_address_still_answers_with_its_warning() -> None:
    with AfterbuyRig(wrong_host=True) as rig:
        [order_id] = place(rig, 1)
        with rig.open() as connection:
            assert len(orders_of(connection)[0]) == 1
            assert outcomes(need(connection.payments).publish_payments([payment(order_id)])) == [
                ("k", Outcome.sent)
            ]


FLOOD = """
import sys
from benchmarks.child import peak_mb
from connectors.afterbuy.settings import AfterbuySettings
from connectors.afterbuy.spec import open_connection
from connectors.errors import TransientError
from connectors.protocols.orders import OrderQuery

secrets = {"partner_token": "demo-partner-token", "account_token": "demo-account-token"}
with open_connection(AfterbuySettings(base_url=sys.argv[1]), secrets, test=False, record=None) as connection:
    try:
        connection.orders.fetch_orders(OrderQuery(), None)
    except TransientError as error:
        print(error)
print(int(peak_mb()))
"""


@pytest.mark.parametrize("form", ["length", "chunked", "gzip"])
def test_a_gigabyte_leaves_memory_flat(form: str) -> None:
    """A page of 1 GB is refused after its first 32 MB, in whatever form it comes."""
    with Simulator() as simulator:
        simulator.state.place_order([simulator.state.add_product("Becher")])
        simulator.faults.add(Fault.oversized(1_000_000_000, form))
        done = subprocess.run(
            [sys.executable, "-c", FLOOD, simulator.url],
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    said, megabytes = done.stdout.splitlines()
    assert "larger than 32 MB; set a smaller page size" in said
    assert int(megabytes) < 300
