"""Every change of an order's state goes by one table, which the page on orders shows."""

import ast
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from models.errors import RuleError
from models.orders.history import Actor
from models.orders.order import Order, OrderState
from models.orders.states import TRANSITIONS, change_state, draw_states

ROOT = Path(__file__).parents[3]
OTHERS = ("run", "row", "pick_list", "offer", "self")
"""What else has a state and is called so where it changes."""


@pytest.mark.parametrize(("before", "after", "actor"), list(product(OrderState, OrderState, Actor)))
def test_only_steps_of_the_table_are_taken(before: OrderState, after: OrderState, actor: Actor) -> None:
    """Any other leaves the order as it is."""
    order = Order(tenant_id=1, account_id=1, external_id="1", currency="EUR", total=Decimal(1), state=before)
    if any((step.before, step.after) == (before, after) and actor in step.by for step in TRANSITIONS):
        change_state(order, after, actor)
        assert order.state is after
        return
    with pytest.raises(RuleError, match=f"is {before} and does not become {after} by the {actor}"):
        change_state(order, after, actor)
    assert order.state is before


def find_changes(source: str) -> list[str]:
    """Return where code sets the state of what may be an order past `change_state`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = [
                each
                for target in node.targets
                for each in (target.elts if isinstance(target, ast.Tuple) else [target])
            ]
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if not isinstance(target, ast.Attribute) or target.attr != "state":
                continue
            known = isinstance(target.value, ast.Name) and target.value.id in OTHERS
            if not known or "OrderState." in ast.unparse(node):
                found.append(ast.unparse(node))
        if isinstance(node, ast.Call):
            said = ast.unparse(node.func)
            sets = any(keyword.arg == "state" for keyword in node.keywords)
            if sets and said.endswith(".values") and "update(Order)" in said:
                found.append(ast.unparse(node))
            if said == "setattr" and ast.unparse(node.args[1]) in ("'state'", '"state"'):
                found.append(ast.unparse(node))
    return found


def test_nobody_sets_the_state_of_an_order_elsewhere() -> None:
    """Neither by hand nor by a statement of many rows."""
    changes = {
        str(file.relative_to(ROOT)): found
        for room in ("models", "tasks", "flows", "deployments", "console")
        for file in sorted((ROOT / room).rglob("*.py"))
        if file.name != "states.py" and (found := find_changes(file.read_text("utf-8")))
    }

    assert changes == {}
    assert len(find_changes("order.state = 1\nother.state, x = 1, 2\nsetattr(order, 'state', 1)")) == 3
    assert find_changes("session.execute(update(Order).where(x).values(state=1))")


def test_the_state_of_payment_follows_from_the_amounts() -> None:
    """One function sets it, and new orders have it by the rule behind that."""
    setters = [
        file.name
        for room in ("models", "tasks", "flows", "deployments", "console")
        for file in sorted((ROOT / room).rglob("*.py"))
        if ".payment_state = " in file.read_text("utf-8")
    ]

    assert setters == ["amounts.py"]


def test_the_page_shows_the_table() -> None:
    """`make states` draws it."""
    page = (ROOT / "docs" / "orders.md").read_text("utf-8")

    assert f"```mermaid\n{draw_states()}\n```\n<!-- end of states -->" in page
    assert "    released --> shipped: shipped (channel, person)" in draw_states()
