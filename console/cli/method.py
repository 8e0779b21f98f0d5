"""`warenfluss method`: what a channel's payment and shipping methods mean here."""

from typing import Annotated, Any

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, TenantOption
from console.cli.output import counted, print_rows, say
from console.cli.parse import parse_pairs
from models.database.session import Session, in_transaction, read_scope
from models.order_desk.method_mapping import apply_mapping
from models.tenants.account import account_id_of, get_account
from models.tenants.methods import (
    Carrier,
    list_shipping_methods,
    map_channel_method,
    save_shipping_method,
)
from models.tenants.records import MethodKind
from models.tenants.tenant import pick_tenant
from models.tenants.views import channel_method_views

app = new_app("What channels' payment and shipping methods mean here.")
apps = {"method": app}


@app.command("list")
def show_all(account: AccountOption = None, as_json: AsJson = False) -> None:
    """List the methods that channels list or orders have named, and what each means here."""
    need_database()
    with read_scope() as session:
        rows = channel_method_views(session, account_id_of(session, account))
    print_rows(rows, ("account", "kind", "code", "name", "means"), as_json=as_json)


@app.command("map")
def map_one(
    account: Annotated[str, typer.Argument(help="The account's name.")],
    kind: MethodKind,
    code: Annotated[str, typer.Argument(help="As `method list` shows it.")],
    meaning: Annotated[
        str,
        typer.Argument(
            help="A kind of payment (prepayment, card, wallet …) or a shipping method; '' removes it."
        ),
    ],
) -> None:
    """Set what a channel's method means; orders that have not shipped are checked again."""
    need_database()

    def step(session: Session) -> int:
        row = get_account(session, account)
        map_channel_method(session, row.tenant_id, row.row_id, kind, code, meaning)
        return apply_mapping(session, row, kind, code)

    count = in_transaction(step)
    say(f"{code} now means {meaning or 'nothing'}; {counted(count, 'order')} checked again.")


@app.command("ways")
def show_ways(tenant: TenantOption = None, as_json: AsJson = False) -> None:
    """List a tenant's shipping methods."""
    need_database()
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        columns = ("name", "carrier", "product", "limits", "express", "pickup", "extras")
        rows = [
            {name: getattr(row, name) for name in columns}
            for row in list_shipping_methods(session, owner.row_id)
        ]
    print_rows(rows, columns, as_json=as_json)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The method's name; an existing method is changed.")],
    carrier: Annotated[
        str | None, typer.Option(help="The carrier as printed and published, e.g. DHL.")
    ] = None,
    product: Annotated[str | None, typer.Option(help="The carrier's code, e.g. V01PAK.")] = None,
    limits: Annotated[
        Carrier | None,
        typer.Option(help="The carrier whose address limits apply; longer addresses are held."),
    ] = None,
    extras: Annotated[
        list[str] | None,
        typer.Option("--extra", help="NAME=VALUE of an additional service; all are replaced."),
    ] = None,
    express: Annotated[
        bool | None, typer.Option("--express/--no-express", help="Orders with this method ship first.")
    ] = None,
    pickup: Annotated[
        bool | None, typer.Option("--pickup/--no-pickup", help="The buyer collects the goods.")
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Add or change a shipping method."""
    need_database()
    values: dict[str, Any] = {
        "carrier": carrier,
        "product": product,
        "limits": limits.value if limits else None,
        "extras": parse_pairs(extras, "--extra") if extras else None,
        "express": express,
        "pickup": pickup,
    }
    given = {key: value for key, value in values.items() if value is not None}
    in_transaction(
        lambda session: save_shipping_method(session, pick_tenant(session, tenant).row_id, name, given)
    )
    say(f"Shipping method {name!r} was saved.")
