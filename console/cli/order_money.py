"""`warenfluss order`, the money: payments, refunds, authorisations and invoices."""

from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, Number, Numbers, When
from console.cli.output import say, say_results
from console.cli.parse import parse_amount, parse_time_or_now
from models.database.session import Session
from models.errors import RuleError
from models.order_desk.steps import with_each, with_order
from models.orders.amounts import amount_owed
from models.orders.history import Actor
from models.orders.order import Order
from models.tenants.account import Account, account_data

app = new_app("The money of orders.")


@app.command("pay")
def pay(
    number: Number,
    amount: Annotated[
        str | None, typer.Argument(help="The amount received; default: the open amount.")
    ] = None,
    method: Annotated[str, typer.Option(help="How it was paid.")] = "",
    reference: Annotated[str, typer.Option(help="The payment's reference.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record money received for an order; a negative amount reverses a payment."""
    order = _move(number, account, amount, at, method, reference, is_refund=False)
    say(
        f"Order {order.external_id}: {order.paid_amount} of {order.total} {order.currency} received, "
        f"{order.payment_state}."
    )


@app.command("refund")
def refund(
    number: Number,
    amount: Annotated[
        str | None, typer.Argument(help="The amount paid back; default: the overpaid amount.")
    ] = None,
    method: Annotated[str, typer.Option(help="How it was paid back.")] = "",
    reference: Annotated[str, typer.Option(help="The refund's reference.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record money that was paid back; published to the channel if payments are handled here."""
    order = _move(number, account, amount, at, method, reference, is_refund=True)
    say(
        f"Order {order.external_id}: {order.refunded_amount} {order.currency} paid back, "
        f"{order.payment_state}."
    )


def _move(
    number: str,
    account: str | None,
    amount: str | None,
    at: str | None,
    method: str,
    reference: str,
    *,
    is_refund: bool,
) -> Order:
    """Record money received, or paid back if `is_refund`; without an amount all that is open.

    Returns the order afterwards. Raises: RuleError, if nothing is open, or as the recording does.
    """
    from models.payments.payment import record_payment, record_refund

    paid_at = parse_time_or_now(at)
    value = parse_amount(amount) if amount is not None else None
    record = record_refund if is_refund else record_payment
    why_not = "was not overpaid; name an amount" if is_refund else "is paid; name an amount to record more"

    def step(session: Session, order: Order) -> Order:
        owner = account_data(session.get_one(Account, order.account_id))
        wanted = value
        if wanted is None:
            wanted = -amount_owed(order) if is_refund else amount_owed(order)
            if wanted <= 0:
                raise RuleError(f"Order {order.external_id} {why_not}.")
        record(session, owner, order, wanted, paid_at, method=method, reference=reference)
        return order

    need_database()
    return with_order(number, account, step)


@app.command("authorise")
def authorise(
    number: Number,
    amount: Annotated[
        str,
        typer.Argument(
            help="The amount that the payment provider has authorised; 0 removes the authorisation."
        ),
    ],
    account: AccountOption = None,
) -> None:
    """Record that a payment is authorised, so the goods may ship before the money is received."""
    from models.payments.payment import set_authorised

    value = parse_amount(amount)

    def step(session: Session, order: Order) -> str:
        set_authorised(session, order, value, actor=Actor.person)
        return f"Order {order.external_id}: {value} {order.currency} authorised, {order.payment_state}."

    need_database()
    say(with_order(number, account, step))


@app.command("paid")
def mark_paid(
    numbers: Numbers,
    method: Annotated[str, typer.Option(help="How they were paid.")] = "",
    at: When = None,
    account: AccountOption = None,
) -> None:
    """Record for each order that its open amount was received; each order has its own result."""
    from models.payments.payment import record_payment

    paid_at = parse_time_or_now(at)

    def step(session: Session, order: Order) -> None:
        due = amount_owed(order)
        if due <= 0:
            raise RuleError(f"Order {order.external_id} owes nothing.")
        owner = account_data(session.get_one(Account, order.account_id))
        record_payment(session, owner, order, due, paid_at, method=method)

    need_database()
    say_results(with_each(numbers, account, step), "paid")


@app.command("invoice")
def invoice(number: Number, account: AccountOption = None) -> None:
    """Issue an invoice now for shipped goods of an order that are not invoiced; the cycle does this, too."""
    from models.invoicing.invoices import issue_invoice
    from tasks.drawing import draw_and_keep

    need_database()
    document = with_order(
        number, account, lambda session, order: issue_invoice(session, order, actor=Actor.person)
    )
    draw_and_keep([document])
    say(f"{document.label} was issued: {document.gross:.2f} {document.currency}.")
