"""The allowed state changes of an order, with the actors who may make them. Every change uses this table."""

from dataclasses import dataclass

from models.errors import RuleError
from models.orders.history import Actor
from models.orders.order import Order, OrderState


@dataclass(frozen=True)
class Step:
    before: OrderState | None
    """None for a new order."""
    after: OrderState
    name: str
    """The kind of the event in the order's history."""
    by: tuple[Actor, ...]


_CHANNEL, _CYCLE, _PERSON = Actor.channel, Actor.cycle, Actor.person
_S = OrderState
STEPS = (
    Step(None, _S.pending, "imported", (_CHANNEL,)),
    Step(None, _S.open, "imported", (_CHANNEL, _PERSON)),
    Step(None, _S.shipped, "imported", (_CHANNEL,)),
    Step(None, _S.cancelled, "imported", (_CHANNEL,)),
    Step(_S.pending, _S.open, "checkout_done", (_CHANNEL,)),
    Step(_S.open, _S.released, "released", (_CYCLE, _PERSON)),
    Step(_S.released, _S.open, "reopened", (_PERSON,)),
    # The channel cannot cancel a released order; its cancellation holds the order instead.
    Step(_S.pending, _S.cancelled, "cancelled", (_CHANNEL, _PERSON)),
    Step(_S.open, _S.cancelled, "cancelled", (_CHANNEL, _CYCLE, _PERSON)),
    Step(_S.released, _S.cancelled, "cancelled", (_PERSON,)),
    Step(_S.pending, _S.shipped, "shipped", (_CHANNEL,)),
    Step(_S.open, _S.shipped, "shipped", (_CHANNEL, _PERSON)),
    Step(_S.released, _S.shipped, "shipped", (_CHANNEL, _PERSON)),
    Step(_S.pending, _S.merged, "merged", (_CHANNEL,)),
    Step(_S.open, _S.merged, "merged", (_CHANNEL,)),
    Step(_S.merged, _S.open, "separated", (_CHANNEL,)),
)
_BY = {(step.before, step.after): step.by for step in STEPS}


def check_move(order: Order, after: OrderState, actor: Actor) -> None:
    """Raises: RuleError, if this actor may not move the order to this state."""
    if actor not in _BY.get((order.state, after), ()):
        raise RuleError(
            f"Order {order.external_id} is {order.state} and does not become {after} by the {actor}."
        )


def move(order: Order, after: OrderState, actor: Actor) -> None:
    """Change an order's state; the caller has locked the order. Raises: RuleError, as `check_move`."""
    check_move(order, after, actor)
    order.state = after


def draw_states() -> str:
    """Return the table as a Mermaid state diagram."""
    rows = ["stateDiagram-v2"]
    for step in STEPS:
        before = step.before or "[*]"
        rows.append(f"    {before} --> {step.after}: {step.name} ({', '.join(step.by)})")
    return "\n".join(rows)


MOVABLE = (OrderState.pending, OrderState.open)
