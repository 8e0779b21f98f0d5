"""A desk on the command line: accounts and orders that several commands are tried on."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from models.clock import utc_now
from models.database.session import session_scope
from models.intake.activation import set_mode
from models.tenants.account import get_account
from models.tenants.account_kinds import MANUAL
from models.tenants.records import Mode
from tests.support.cli_steps import (
    PLACED,
    article,
    bundle,
    call,
    line,
    open_shop,
    order,
    take_articles,
    take_orders,
)

YEAR = utc_now().year
FIRST = f"W-{YEAR}-00001"
BUYER = {
    "first_name": "Anna",
    "last_name": "Groß",
    "street": "Am Ölberg 3",
    "postcode": "04109",
    "city": "Leipzig",
    "country": "DE",
    "email": "anna@buyer.example",
}


def asked(**more: Any) -> str:
    values = {
        "billing": BUYER,
        "lines": [{"article": "MUG", "quantity": 2, "tax_rate": 19}],
        "payment": "invoice",
    }
    return json.dumps(values | more)


def open_desk() -> None:
    """Open a channel, and an account in which orders are taken by hand; ten mugs and ten cups at 9.90."""
    open_shop()
    take_articles(article("MUG"), article("CUP"))
    added = call("account", "add", "telefon", "--kind", MANUAL.name, "--tenant", "acme")
    assert added.exit_code == 0, added.stderr
    with session_scope() as session:
        set_mode(session, get_account(session, "telefon"), Mode.live)


def open_shop_of_three() -> None:
    """Open a channel with three orders: one complete, one part paid and short, one with an unknown line."""
    open_shop()
    take_articles(article("MUG"), article("CUP", 1), bundle("SET", MUG=2, CUP=1))
    take_orders(
        order("100", line("100-1", "MUG", 2)),
        order(
            "101",
            line("101-1", "CUP", 3, "1.5"),
            paid_amount=Decimal("2.25"),
            placed_at=PLACED + timedelta(hours=1),
        ),
        order("102", line("102-1", "???", 1, "4.00"), placed_at=PLACED + timedelta(hours=2)),
    )
