"""Orders that name their buyer wherever one can be named, and what is left of that in the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, SQLModel, select

from models.accounting.issued import save_files
from models.clock import utc_now
from models.fulfilment.holding import hold_order
from models.fulfilment.returns import ReturnState, announce_return
from models.invoicing.invoices import issue_invoice
from models.mails.outbox import queue_mail
from models.mails.records import MailContent, MailPart
from models.order_desk.edits import accept_holds, find_line, set_address, set_quantity
from models.order_desk.offers import Offer, OfferState
from models.orders.history import Actor, OrderEvent, add_event
from models.orders.holds import HoldReason
from models.orders.order import AddressRole, Order
from models.orders.origin import OrderOrigin, OriginKind
from models.orders.records import AddressData, OrderData
from models.payments.payment import record_payment
from models.privacy.retention import RetentionOptions
from models.sync.records import RejectedData
from models.sync.rejected import save_rejected
from models.tenants.tenant import Tenant
from models.upkeep.pruning import list_prune_steps
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    get_order,
    make_invoicing_shop,
    make_line,
    make_order,
    settle_outbound,
    ship_units,
    take_in,
)

ADDRESS = AddressData(
    company="Xcompany",
    salutation="Xsalutation",
    first_name="Xfirst",
    last_name="Xlast",
    street="Xstreet 7",
    street2="Xstreet2",
    postcode="09847",
    city="Xcity",
    state="Xstate",
    country="DE",
    phone="Xphone",
    email="xmail@example.com",
    vat_id="Xvat",
)
_TRACES = "xcompany xsal xfirst xlast xstreet 09847 xcity xstate xphone xmail xvat xwords xbank xuser"
TRACES = tuple(_TRACES.split())
"""Each a part of something that tells of the buyer, as small letters."""


def record(number: str = "1", **fields: Any) -> OrderData:
    """Return an order that names its buyer wherever one can be named."""
    values: dict[str, Any] = {
        "customer_id": "Xuser-id",
        "customer_name": "Xuser",
        "billing": ADDRESS,
        "shipping": ADDRESS,
        "buyer_comment": "Xwords",
        "memo": "Xwords",
        "payment_reference": "Xbank",
        "payment_details": {"iban": "Xbank"},
        "tags": ["Xwords"],
        "meta": {"note": "Xwords"},
        **fields,
    }
    line = make_line(f"{number}a", "MUG", 3, tax_rate=Decimal(19), attributes={"Gravur": "Xwords"})
    return make_order(number, line, **values)


def open_shop(session: Session, days: int = 30) -> Shop:
    shop = make_invoicing_shop(session)
    tenant = session.get_one(Tenant, shop.tenant_id)
    tenant.retention = RetentionOptions(anonymise_after_days=days).model_dump()
    session.add(tenant)
    add_article(session, shop, "MUG", on_hand=100)
    return shop


def tenant_of(session: Session, shop: Shop) -> Tenant:
    return session.get_one(Tenant, shop.tenant_id, populate_existing=True)


def end(session: Session, shop: Shop, number: str = "1", **fields: Any) -> Order:
    """Let an order be paid, leave and be invoiced, a hundred days ago."""
    take_in(session, shop, record(number, paid_amount=Decimal("30.00"), **fields))
    ship_units(session, number)
    issue_invoice(session, get_order(session, number), actor=Actor.cycle)
    settle_outbound(session)
    let_rest(session)
    return get_order(session, number)


def let_rest(session: Session, days: int = 100) -> None:
    """Let all that happened have happened so long ago."""
    session.flush()
    session.execute(update(OrderEvent).values(at=utc_now() - timedelta(days=days)))
    session.expire_all()


def run_steps(session: Session) -> int:
    """Take each step of pruning as often as it finds something; return of how many rows."""
    session.flush()
    tenants = list(session.exec(select(Tenant)).all())
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    count = 0
    for step in list_prune_steps(tenants, calls_before=long_ago, history_before=long_ago):
        while ids := step.find(session, 2):
            step.take(session, ids)
            session.flush()
            count += len(ids)
    session.expire_all()
    return count


def traces(session: Session) -> dict[str, set[str]]:
    """Return by table and column which traces of buyers are left in the whole database."""
    session.flush()
    found: dict[str, set[str]] = {}
    for table in SQLModel.metadata.sorted_tables:
        for row in session.execute(table.select()).mappings():
            for name, value in row.items():
                said = str(value).lower()
                if left := {trace for trace in TRACES if trace in said}:
                    found.setdefault(f"{table.name}.{name}", set()).update(left)
    return found


def live(session: Session) -> Shop:
    """Let an order have a whole life that names its buyer at each step."""
    shop = open_shop(session)
    take_in(session, shop, record(paid_amount=Decimal("10.00")))
    order = get_order(session, "1")
    set_address(session, order, AddressRole.shipping, {"street": "Xstreet 8", "last_name": "Xlast-Xfirst"})
    set_quantity(session, order, find_line(session, order, "1a"), 2, actor=Actor.person)
    hold_order(session, order, HoldReason.changed_after_release, {"changes": {"billing.city": ["Xcity", ""]}})
    accept_holds(session, order, [HoldReason.changed_after_release], "Xwords")
    add_event(session, order, "note", {"text": "Xwords"}, actor=Actor.person)
    add_event(session, order, "handed_over", {"to": "Xlast"}, actor=Actor.person)
    record_payment(session, shop.account, order, Decimal("10.00"), PLACED_AT, reference="Xbank Xlast")
    ship_units(session, "1")
    document = issue_invoice(session, order, actor=Actor.cycle)
    save_files(session, {document.row_id: b"%PDF xlast"})
    row = announce_return(session, order, {}, "Xwords")
    row.state = ReturnState.cancelled
    session.add(row)
    origin = OrderOrigin(order_id=order.row_id, account_id=shop.account.id, kind=OriginKind.phone)
    origin.reference = "Xwords"
    session.add(origin)
    session.add(
        Offer(
            tenant_id=shop.tenant_id,
            account_id=shop.account.id,
            number="1",
            state=OfferState.accepted,
            made_at=PLACED_AT,
            valid_until=PLACED_AT.date(),
            currency="EUR",
            total=Decimal(30),
            content={"billing": {"last_name": "Xlast", "country": "DE"}, "comment": "Xwords"},
            order_id=order.id,
        )
    )
    content = MailContent(
        subject="Xlast",
        text="Xwords",
        html="Xwords",
        parts=(MailPart(name="1", media_type="a/b", content=b"xlast"),),
    )
    queue_mail(session, "1", content, ["xmail@example.com"], order_id=order.id)
    rejected = RejectedData(kind="order", external_id="1", reason="?", raw="Xlast")
    save_rejected(session, shop.account.id, [rejected, rejected.model_copy(update={"external_id": "2"})])
    settle_outbound(session)
    let_rest(session)
    return shop
