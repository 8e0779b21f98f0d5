"""`warenfluss order`: releasing, splitting, shipping and cancelling its goods."""

from datetime import timedelta

import pytest

from models.database.session import read_scope
from models.sync.delivery import list_outbound
from models.sync.outbound import OutboundState
from models.sync.records import OutboundKind
from tests.support.cli_desk import open_shop_of_three
from tests.support.cli_steps import (
    PLACED,
    article,
    call,
    line,
    open_shop,
    order,
    read,
    refused,
    take_articles,
    take_orders,
)


@pytest.fixture
def shop(database: str) -> None:
    """An account with three orders: one complete, one part paid and short, one with an unknown line."""
    open_shop_of_three()


def test_release_ship_and_what_the_channel_hears(shop: None) -> None:
    """A held order is not released, the other is; its shipment is queued for the channel."""
    result = call("order", "release", "100", "101")
    assert result.exit_code == 1
    assert "Order 100 was released." in result.stderr
    assert "Order 101 is held (stock_short); settle that first." in result.stderr

    assert (
        call("order", "ship", "100", "--carrier", "DHL", "--tracking", "JJD1", "--tracking", "JJD2").exit_code
        == 0
    )

    shown = read("order", "show", "100")
    assert (shown["state"], shown["lines"][0]["shipped"]) == ("shipped", 2)
    assert shown["shipments"][0]["tracking_numbers"] == ["JJD1", "JJD2"]
    with read_scope() as session:
        kinds = [row.kind for row in list_outbound(session, [OutboundState.pending])]
    assert OutboundKind.shipment in kinds


def test_a_part_leaves(shop: None) -> None:
    """A line may leave in parts; an unknown line is refused and nothing is booked."""
    assert "has no line '9'" in refused("order", "ship", "100", "--carrier", "DHL", "--line", "9=1")
    assert call("order", "ship", "100", "--carrier", "DHL", "--line", "100-1=1").exit_code == 0

    shown = read("order", "show", "100")
    assert (shown["state"], shown["lines"][0]["shipped"]) == ("open", 1)


def test_an_order_is_split(shop: None) -> None:
    """What is kept back is told by the command, the order and the list; letting it go twice is refused."""
    done = call("order", "split", "100", "--line", "100-1=1")
    assert done.stderr == "Order 100: 1 of 100-1 is held back; 1 of 100-1 ships next.\n"
    assert refused("order", "split", "100", "--line", "100-1=1", "--until", "2999-01-01").endswith(
        "`warenfluss order unsplit 100` releases what is held back."
    )
    assert [row["external_id"] for row in read("order", "list", "--split")] == ["100"]
    assert "kept_back" in call("order", "list").stdout.splitlines()[0]
    assert "kept_back: 1 of 100-1\n" in call("order", "show", "100").stdout
    assert call("order", "shipped", "100", "--carrier", "DHL").exit_code == 0
    (row,) = read("order", "show", "100")["lines"]
    assert (row["shipped"], row["kept_back"], row["kept_until"]) == (1, 1, None)

    assert call("order", "unsplit", "100").exit_code == 0
    assert refused("order", "unsplit", "100") == "Order 100 has no units that are held back."
    assert "kept_back" not in call("order", "list").stdout
    assert refused("order", "split", "100", "--line", "9=1").startswith("Order 100 has no line '9'")


def test_cancelling_gives_stock_to_who_waits(database: str) -> None:
    """What comes free goes to the oldest order that is short of it."""
    open_shop()
    take_articles(article("CUP", 1))
    take_orders(order("1", line("1-1", "CUP")))
    take_orders(order("2", line("2-1", "CUP"), placed_at=PLACED + timedelta(hours=1)))
    assert read("order", "show", "2")["holds"] == ["stock_short"]

    assert call("order", "cancel", "1").exit_code == 0

    shown = read("order", "show", "2")
    assert (shown["holds"], shown["lines"][0]["allocated"]) == ([], 1)
    assert refused("order", "cancel", "1") == "Order 1 is cancelled already."
