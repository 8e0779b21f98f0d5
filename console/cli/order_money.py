"""`warenfluss order`, money: what was paid, promised and given back, and invoices."""

from typing import Annotated

import typer

from console.cli.options import Number, When, parse_amount, when, with_each, with_order
from console.cli.output import AccountOption, new_app, say
from models.database.session import Session
from models.errors import RuleError
from models.orders.amounts import owed_for
from models.orders.history import Actor
from models.orders.order import Order
from models.tenants.account import Account, account_data

app = new_app("What buyers pay for orders.")


@app.command("pay")
def pay(
    number: Number,
    amount: Annotated[str | None, typer.Argument(help="What was received; what is open by default.")] = None,
    method: Annotated[str, typer.Option(help="How it was paid.")] = "",
    reference: Annotated[str, typer.Option(help="The payment's own number.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record money received for an order; a negative amount takes one back."""
    from models.payments.payment import record_payment

    paid_at = when(at)
    value = parse_amount(amount) if amount is not None else None

    def step(session: Session, order: Order) -> str:
        owner = account_data(session.get_one(Account, order.account_id))
        due = owed_for(order)
        if value is None and due <= 0:
            raise RuleError(f"Order {order.external_id} is paid; name an amount to record more.")
        record_payment(
            session,
            owner,
            order,
            due if value is None else value,
            paid_at,
            method=method,
            reference=reference,
        )
        return (
            f"Order {order.external_id}: {order.paid_amount} of {order.total} {order.currency} received, "
            f"{order.payment_state}."
        )

    say(with_order(number, account, step))


@app.command("refund")
def refund(
    number: Number,
    amount: Annotated[
        str | None, typer.Argument(help="What was given back; what is received too much by default.")
    ] = None,
    method: Annotated[str, typer.Option(help="How it was given back.")] = "",
    reference: Annotated[str, typer.Option(help="The refund's own number.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record money that was given back; with payments handled here, the channel is told."""
    from models.payments.payment import record_refund

    paid_at = when(at)
    value = parse_amount(amount) if amount is not None else None

    def step(session: Session, order: Order) -> str:
        owner = account_data(session.get_one(Account, order.account_id))
        over = -owed_for(order)
        if value is None and over <= 0:
            raise RuleError(f"Of order {order.external_id} nothing too much was received; name an amount.")
        record_refund(
            session,
            owner,
            order,
            over if value is None else value,
            paid_at,
            method=method,
            reference=reference,
        )
        return (
            f"Order {order.external_id}: {order.refunded_amount} {order.currency} given back, "
            f"{order.payment_state}."
        )

    say(with_order(number, account, step))


@app.command("authorise")
def authorise(
    number: Number,
    amount: Annotated[
        str, typer.Argument(help="What whoever collects the money has promised; 0 takes back.")
    ],
    account: AccountOption = None,
) -> None:
    """Note that the money is promised, so that the goods may leave before it is received."""
    from models.payments.payment import note_authorised

    value = parse_amount(amount)

    def step(session: Session, order: Order) -> str:
        note_authorised(session, order, value, actor=Actor.person)
        return f"Order {order.external_id}: {value} {order.currency} promised, {order.payment_state}."

    say(with_order(number, account, step))


@app.command("paid")
def mark_paid(
    numbers: Annotated[list[str], typer.Argument(help="External ids, or numbers at the marketplace.")],
    method: Annotated[str, typer.Option(help="How they were paid.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record for each order that what was open of it has been received; each has its own result."""
    from models.payments.payment import record_payment

    paid_at = when(at)

    def step(session: Session, order: Order) -> None:
        due = owed_for(order)
        if due <= 0:
            raise RuleError(f"Order {order.external_id} owes nothing.")
        owner = account_data(session.get_one(Account, order.account_id))
        record_payment(session, owner, order, due, paid_at, method=method)

    with_each(numbers, account, step, "paid")


@app.command("invoice")
def invoice(number: Number, account: AccountOption = None) -> None:
    """Issue an invoice now for what was shipped of an order and not invoiced yet; the cycle does it, too."""
    from models.invoicing.invoices import issue_invoice
    from tasks.drawing import draw_and_keep

    document = with_order(
        number, account, lambda session, order: issue_invoice(session, order, actor=Actor.person)
    )
    draw_and_keep([document])
    say(f"{document.label} was issued: {document.gross:.2f} {document.currency}.")
