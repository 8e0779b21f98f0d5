"""The allowed state changes of an order, with the actors who may make them. Every change uses this table."""

from dataclasses import dataclass

from models.errors import RuleError
from models.orders.history import Actor
from models.orders.order import Order, OrderState

NOT_RELEASED = (OrderState.pending, OrderState.open)
TO_SHIP = (OrderState.open, OrderState.released)
"""States in which goods may be shipped."""
ACTIVE = (OrderState.pending, OrderState.open, OrderState.released)
"""States of orders that are neither shipped nor cancelled nor merged. Such orders get stock."""


@dataclass(frozen=True)
class Transition:
    before: OrderState | None
    """None for a new order."""
    after: OrderState
    name: str
    """The kind of the event in the order's history."""
    by: tuple[Actor, ...]


_CHANNEL, _CYCLE, _PERSON = Actor.channel, Actor.cycle, Actor.person
_S = OrderState
TRANSITIONS = (
    Transition(None, _S.pending, "imported", (_CHANNEL,)),
    Transition(None, _S.open, "imported", (_CHANNEL, _PERSON)),
    Transition(None, _S.shipped, "imported", (_CHANNEL,)),
    Transition(None, _S.cancelled, "imported", (_CHANNEL,)),
    Transition(_S.pending, _S.open, "checkout_done", (_CHANNEL,)),
    Transition(_S.open, _S.released, "released", (_CYCLE, _PERSON)),
    Transition(_S.released, _S.open, "reopened", (_PERSON,)),
    # The channel cannot cancel a released order; its cancellation holds the order instead.
    Transition(_S.pending, _S.cancelled, "cancelled", (_CHANNEL, _PERSON)),
    Transition(_S.open, _S.cancelled, "cancelled", (_CHANNEL, _CYCLE, _PERSON)),
    Transition(_S.released, _S.cancelled, "cancelled", (_PERSON,)),
    Transition(_S.pending, _S.shipped, "shipped", (_CHANNEL,)),
    Transition(_S.open, _S.shipped, "shipped", (_CHANNEL, _PERSON)),
    Transition(_S.released, _S.shipped, "shipped", (_CHANNEL, _PERSON)),
    Transition(_S.pending, _S.merged, "merged", (_CHANNEL,)),
    Transition(_S.open, _S.merged, "merged", (_CHANNEL,)),
    Transition(_S.merged, _S.open, "separated", (_CHANNEL,)),
)
_BY = {(step.before, step.after): step.by for step in TRANSITIONS}


def check_transition(order: Order, after: OrderState, actor: Actor) -> None:
    """Raises: RuleError, if this actor may not move the order to this state."""
    if actor not in _BY.get((order.state, after), ()):
        raise RuleError(
            f"Order {order.external_id} is {order.state} and does not become {after} by the {actor}."
        )


def change_state(order: Order, after: OrderState, actor: Actor) -> None:
    """Change an order's state; the caller has locked the order. Raises: RuleError, as `check_transition`."""
    check_transition(order, after, actor)
    order.state = after


def state_name(order: Order) -> str:
    """Return an order's state as messages name it; a test order is one whatever its state."""
    return "a test order" if order.trial else str(order.state)


def draw_states() -> str:
    """Return the table as a Mermaid state diagram."""
    rows = ["stateDiagram-v2"]
    for step in TRANSITIONS:
        before = step.before or "[*]"
        rows.append(f"    {before} --> {step.after}: {step.name} ({', '.join(step.by)})")
    return "\n".join(rows)
