"""Manual changes of an order: its address, lines and methods, and the acceptance of holds.

`OrderEdit` stores each changed field with the channel's last value, so that the next import neither reports
the change as news nor overwrites it. If the channel changes such a field later, the order is held.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from sqlalchemy import delete
from sqlmodel import Session, col

from models.clock import utc_now
from models.countries import COUNTRIES
from models.errors import Action, Advice, NotFoundError, RuleError
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import shipments_of
from models.invoicing.invoices import issue_remaining
from models.orders.amounts import update_payment_state
from models.orders.checks import recheck
from models.orders.history import Actor, OrderEdit, add_event
from models.orders.holds import (
    CHANGED_LATE,
    NO_ARTICLE,
    NOT_BLOCKING,
    SHORTAGES,
    HoldReason,
    close_holds,
    holds_of_order,
)
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.queries import addresses_of_order, lines_of_order, lock_order
from models.orders.records import AddressData
from models.orders.states import ACTIVE, change_state, state_name
from models.payments.reminders import queue_payment_requests
from models.sync.outbound import queue_outbound
from models.sync.records import OutboundKind
from models.tenants.account import Account, account_data
from models.tenants.methods import list_shipping_methods, payment_code
from models.tenants.records import AccountData, PaymentKind
from models.warehouse.allocation import allocate, allocate_freed
from models.warehouse.pick_lists import flag_orders
from models.warehouse.shrinking import limit_picked, reduce_allocation

NOT_ACCEPTABLE = SHORTAGES.union(NO_ARTICLE, NOT_BLOCKING)
"""Holds that cannot be accepted: until their cause is removed, no parcel can be packed."""


def set_address(session: Session, order: Order, role: AddressRole, changes: Mapping[str, str]) -> None:
    """Change fields of an address; a missing shipping address starts as a copy of the billing address.

    Raises: RuleError, if the order is shipped, cancelled or merged, for an unknown field or an invalid text.
    """
    _lock_editable(session, order)
    unknown = sorted(set(changes) - set(AddressData.model_fields))
    if unknown:
        fields = ", ".join(AddressData.model_fields)
        raise RuleError(f"An address has no field {unknown[0]!r}; it has {fields}.")
    for name, value in changes.items():
        if len(value) > 320 or not value.isprintable():
            raise RuleError(f"The {name} is too long, or holds characters that cannot be printed.")
    if "country" in changes and changes["country"].strip().upper() not in COUNTRIES:
        raise RuleError("A country is written as its two letters, such as DE or AT.")
    rows = addresses_of_order(session, order)
    row, changed = rows.get(role), {}
    if row is None:
        model = rows[AddressRole.billing].model_dump(exclude={"role"}) if rows else {"order_id": order.id}
        row = OrderAddress(**model, role=role)
        changed = {name: ["", getattr(row, name)] for name in AddressData.model_fields if getattr(row, name)}
    for name, value in changes.items():
        value = value.strip().upper() if name == "country" else value.strip()
        old = getattr(row, name)
        if value != old:
            changed[name] = [changed.get(name, [old])[0], value]
            setattr(row, name, value)
    session.add(row)
    _note(session, order, {f"{role}.{name}": pair for name, pair in changed.items()})


def set_quantity(session: Session, order: Order, line: OrderLine, quantity: int, *, actor: Actor) -> None:
    """Cancel units of a line until `quantity` remain, shipped ones included; the order total falls with them.

    The cancellation is queued for the channel. Cancelling the last unit of the order cancels the order; if
    nothing remains to ship but something was shipped, the order counts as shipped. Freed stock is allocated
    to waiting orders.
    Raises: RuleError, for more than the present quantity, less than was shipped, or an order that cannot be
    changed.
    """
    _lock_editable(session, order)
    session.refresh(line)
    present = line.quantity - line.cancelled
    if quantity > present:
        raise RuleError(f"Line {line.external_id} has {present} units; a cancellation adds none.")
    if quantity < line.shipped:
        raise RuleError(f"Line {line.external_id}: {line.shipped} units are shipped already.")
    if quantity == present:
        return
    lines = lines_of_order(session, order)
    if not quantity and all(each.quantity == each.cancelled for each in lines if each.id != line.id):
        cancel_order(session, order, actor=actor)
        return
    free = reduce_allocation(session, line.row_id, quantity - line.shipped)
    less = line.price * (present - quantity)
    _note(
        session,
        order,
        {
            f"line {line.external_id}": [f"{present} × {line.price}", f"{quantity} × {line.price}"],
            "total": [str(order.total), str(order.total - less)],
        },
        actor=actor,
        check=False,
    )
    line.cancelled += present - quantity
    line.limit_held_back()
    order.total -= less
    update_payment_state(order)
    session.add(line)
    session.add(order)
    session.flush()
    limit_picked(session, [line] if line.kept_back else [])
    queue_outbound(session, order.account_id, OutboundKind.cancellation, [order.row_id])
    allocate(session, [order.row_id])
    if quantity == line.shipped:
        close_holds(session, order, tuple(HoldReason), line.id)
    allocate_freed(session, free)
    if not any(each.remaining for each in lines):
        _complete(session, order, actor)
    recheck(session, _account(session, order), [order.row_id])


def _complete(session: Session, order: Order, actor: Actor) -> None:
    """Mark a partly shipped order as shipped, after its remaining units were cancelled."""
    change_state(order, OrderState.shipped, actor)
    shipped = [shipment.shipped_at for shipment, _ in shipments_of(session, order.row_id)]
    order.shipped_at = max(shipped, default=utc_now())
    session.add(order)
    add_event(session, order, "completed", actor=actor)
    session.flush()
    flag_orders(session, [order.row_id])
    issue_remaining(session, order)


def set_price(session: Session, order: Order, line: OrderLine, price: Decimal) -> None:
    """Change the unit price of a line, and with it the order total.

    Raises: RuleError, for a negative price, or if the line is invoiced or the order cannot be changed.
    """
    _lock_editable(session, order)
    session.refresh(line)
    if price < 0:
        raise RuleError("A price is at least zero.")
    if line.invoiced:
        raise RuleError(f"Line {line.external_id} has been invoiced; correct the invoice first.")
    quantity = line.quantity - line.cancelled
    total = order.total + (price - line.price) * quantity
    changes = {
        f"line {line.external_id}": [f"{quantity} × {line.price}", f"{quantity} × {price}"],
        "total": [str(order.total), str(total)],
    }
    line.price, order.total = price, total
    update_payment_state(order)
    session.add(line)
    session.add(order)
    _note(session, order, changes)


def set_payment_kind(session: Session, order: Order, kind: PaymentKind) -> None:
    """Set the payment kind, whatever the method is mapped to. Raises: RuleError, if it is too late."""
    _lock_editable(session, order)
    old, order.payment_kind = order.payment_kind, kind
    session.add(order)
    _save_edit(session, order, "payment_kind", payment_code(order))
    _note_change(session, order, {"payment_kind": [str(old or ""), str(kind)]})
    queue_payment_requests(session, _account(session, order), [order.row_id])


def set_shipping_method(session: Session, order: Order, name: str) -> None:
    """Set the shipping method by name. Raises: RuleError, for an unknown name, or if it is too late."""
    _lock_editable(session, order)
    methods = {method.name: method for method in list_shipping_methods(session, order.tenant_id)}
    if name not in methods:
        raise RuleError(
            f"There is no shipping method {name!r}: {', '.join(methods) or 'none yet'}.",
            Advice(Action.method_add, name),
        )
    old = next((method.name for method in methods.values() if method.id == order.shipping_method_id), "")
    order.shipping_method_id, order.express = methods[name].id, methods[name].express
    session.add(order)
    _save_edit(session, order, "shipping_method_id", order.shipping_method)
    _note_change(session, order, {"shipping_method": [old, name]})


def set_partial_shipping(session: Session, order: Order, allowed: bool | None) -> None:
    """Set whether available units may be shipped before missing ones; None: the buyer's setting applies.

    Raises: RuleError, if the order cannot be changed any more.
    """
    _lock_editable(session, order)
    old, order.partial_shipping = order.partial_shipping, allowed
    if old is not allowed:
        session.add(order)
        pair = ["" if value is None else str(value).lower() for value in (old, allowed)]
        _note_change(session, order, {"partial_shipping": pair}, check=False)
        session.flush()


def accept_holds(
    session: Session, order: Order, reasons: Iterable[HoldReason], note: str = ""
) -> list[HoldReason]:
    """Accept open holds with these reasons, or all that can be accepted if none is given; return the reasons.

    Raises: RuleError, for a reason that cannot be accepted, or that the order is not held for.
    """
    lock_order(session, order)
    wanted = set(reasons)
    if refused := sorted(wanted & NOT_ACCEPTABLE):
        raise RuleError(
            f"{refused[0]} cannot be accepted: match the line, ship the available units, or cancel the "
            "missing ones."
        )
    chosen = [
        hold
        for hold in holds_of_order(session, order)
        if (hold.reason in wanted if wanted else hold.reason not in NOT_ACCEPTABLE)
    ]
    if missing := sorted(wanted - {hold.reason for hold in chosen}):
        raise RuleError(f"Order {order.external_id} is not held for {', '.join(missing)}.")
    if not chosen:
        raise RuleError(f"Order {order.external_id} has no hold that can be accepted.")
    for hold in chosen:
        hold.released_at, hold.accepted = utc_now(), True
        session.add(hold)
        detail = {"reason": hold.reason, **({"note": note} if note else {})}
        add_event(session, order, "hold_accepted", detail, actor=Actor.person)
    session.flush()
    return sorted({hold.reason for hold in chosen})


def discard_edits(session: Session, order: Order) -> None:
    """Drop the manual changes of an order without shipped goods, so that the next import follows the channel.

    A released order goes back to state open, to be checked and released again.
    Raises: RuleError, if goods were shipped, or the order cannot be changed.
    """
    _lock_editable(session, order)
    if any(line.shipped for line in lines_of_order(session, order)):
        raise RuleError(f"Order {order.external_id} is partly shipped; its changes stay.")
    session.execute(delete(OrderEdit).where(col(OrderEdit.order_id) == order.id))
    close_holds(session, order, CHANGED_LATE)
    if order.state is OrderState.released:
        change_state(order, OrderState.open, Actor.person)
        order.released_at = None
    # Without a hash, the next import does not take the order for unchanged.
    order.content_hash = ""
    session.add(order)
    add_event(session, order, "reopened", actor=Actor.person)
    session.flush()
    flag_orders(session, [order.row_id])


def find_line(session: Session, order: Order, number: str) -> OrderLine:
    """Return an order's line with this number. Raises: NotFoundError, naming the order's lines."""
    lines = {line.external_id: line for line in lines_of_order(session, order)}
    if number not in lines:
        raise NotFoundError(f"Order {order.external_id} has no line {number!r}; it has {', '.join(lines)}.")
    return lines[number]


def _lock_editable(session: Session, order: Order) -> None:
    lock_order(session, order)
    if order.trial or order.state not in ACTIVE:
        raise RuleError(f"Order {order.external_id} is {state_name(order)} and cannot be changed.")


def _account(session: Session, order: Order) -> AccountData:
    return account_data(session.get_one(Account, order.account_id))


def _note(
    session: Session,
    order: Order,
    changes: Mapping[str, list[str]],
    *,
    actor: Actor = Actor.person,
    check: bool = True,
) -> None:
    """Store the channel's value of each changed field, record the change in the history, check the order."""
    for field, (reported, _) in changes.items():
        _save_edit(session, order, field, reported)
    if changes:
        _note_change(session, order, changes, actor=actor, check=check)


def _save_edit(session: Session, order: Order, field: str, reported: str) -> None:
    """Store the channel's value of an edited field; of several edits the first one counts."""
    if session.get(OrderEdit, (order.row_id, field)) is None:
        session.add(OrderEdit(order_id=order.row_id, field=field, told=reported))
        session.flush()


def _note_change(
    session: Session,
    order: Order,
    changes: Mapping[str, list[str]],
    *,
    actor: Actor = Actor.person,
    check: bool = True,
) -> None:
    add_event(session, order, "edited", {"changes": dict(changes)}, actor=actor)
    session.flush()
    flag_orders(session, [order.row_id])
    if check:
        recheck(session, _account(session, order), [order.row_id])
