"""Which state an order may go to from which, by what step and by whom: every change goes by this table."""

from dataclasses import dataclass

from models.errors import RuleError
from models.orders.history import Actor
from models.orders.order import Order, OrderState


@dataclass(frozen=True)
class Step:
    before: OrderState | None
    """None of an order that was not known yet."""
    after: OrderState
    name: str
    """As the order's history calls it."""
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
    # What is released here the channel cannot call back: it is held.
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
    """Make sure that an order may go to a state by this hand. Raises: RuleError, if no step leads there."""
    if actor not in _BY.get((order.state, after), ()):
        raise RuleError(
            f"Order {order.external_id} is {order.state} and does not become {after} by the {actor}."
        )


def move(order: Order, after: OrderState, actor: Actor) -> None:
    """Bring an order into a state; the caller has it locked. Raises: RuleError, as `check_move`."""
    check_move(order, after, actor)
    order.state = after


def draw_states() -> str:
    """Return the table as a state diagram in Mermaid's words."""
    rows = ["stateDiagram-v2"]
    for step in STEPS:
        before = step.before or "[*]"
        rows.append(f"    {before} --> {step.after}: {step.name} ({', '.join(step.by)})")
    return "\n".join(rows)


MOVABLE = (OrderState.pending, OrderState.open)
