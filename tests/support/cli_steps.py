"""Steps of the command line's tests: call a command, fill the database without Prefect."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from typer.testing import CliRunner, Result

from console.cli.app import app
from models.catalog.records import ArticleData, ArticleKind, MemberData, PriceData, TextData
from models.database.session import session_scope
from models.intake.article_sets import link_members
from models.intake.articles import save_articles
from models.intake.orders import save_orders
from models.orders.match_rules import DEFAULT_RULES
from models.orders.records import AddressData, OrderData, OrderLineData
from models.tenants.account import account_data, add_account
from models.tenants.records import Mode
from models.tenants.tenant import add_tenant

PLACED = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def call(*arguments: str, given: str | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(arguments), input=given)


def read(*arguments: str) -> Any:
    """Run a command that must succeed; return its standard output, which must be one JSON document."""
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refused(*arguments: str) -> str:
    """Run a command that must be refused without a traceback; return its message."""
    result = call(*arguments)
    assert result.exit_code == 1, (result.stdout, result.stderr)
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    return result.stderr.strip()


def settings(*pairs: str) -> list[str]:
    """Return settings such as "seller.name=Acme GmbH" as the options that a command takes."""
    return [word for pair in pairs for word in ("--set", pair)]


def open_shop(mode: Mode = Mode.live, role: str = "articles") -> None:
    """Add the tenant `acme` with the account `shop`."""
    with session_scope() as session:
        tenant = add_tenant(session, "acme", "Acme GmbH")
        account = add_account(session, tenant.row_id, "shop", "afterbuy", {"role": role})
        account.mode = mode


def article(sku: str, quantity: int | None = 10, **more: Any) -> ArticleData:
    """Return an article of the channel with its stock at the channel."""
    return ArticleData(
        external_id=f"P-{sku}",
        sku=sku,
        texts={"de": TextData(title=f"Artikel {sku}")},
        prices=[PriceData(amount=Decimal("9.90"), currency="EUR")],
        quantity=quantity,
        **more,
    )


def take_articles(*records: ArticleData) -> None:
    """Save articles for the account `shop`, as its article import does."""
    with session_scope() as session:
        account = _shop(session)
        save_articles(session, account, DEFAULT_RULES, records)
        link_members(session, account.id)


def bundle(sku: str, **parts: int) -> ArticleData:
    """Return a bundle of articles of the channel."""
    members = [
        MemberData(external_id=f"P-{part}", quantity=quantity, position=position)
        for position, (part, quantity) in enumerate(parts.items())
    ]
    return article(sku, None, kind=ArticleKind.bundle, members=members)


def line(number: str, sku: str, quantity: int = 1, price: str = "9.90") -> OrderLineData:
    """Return a line."""
    return OrderLineData(
        external_id=number, title=f"Ware {sku}", quantity=quantity, price=Decimal(price), sku=sku
    )


def order(number: str, *lines: OrderLineData, **more: Any) -> OrderData:
    """Return an order with a correct total."""
    values: dict[str, Any] = {
        "external_id": number,
        "channel_number": f"M-{number}",
        "platform": "ebay",
        "placed_at": PLACED,
        "checkout_at": PLACED,
        "currency": "EUR",
        "total": sum((each.price * each.quantity for each in lines), Decimal(0)),
        "billing": AddressData(
            first_name="Jörg",
            last_name="Müßig",
            street="Am Mühlgraben 7",
            postcode="04109",
            city="Leipzig",
            email="joerg@buyer.example",
            country="DE",
        ),
        "lines": list(lines),
    }
    return OrderData.model_validate(values | more)


def take_orders(*records: OrderData, trial: bool = False) -> None:
    """Save orders for the account `shop`, as its order import does."""
    with session_scope() as session:
        save_orders(session, _shop(session), DEFAULT_RULES, records, trial=trial)


def _shop(session: Any) -> Any:
    from models.tenants.account import get_account

    return account_data(get_account(session, "shop"))
