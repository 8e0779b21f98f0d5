"""What comes back is counted once, and goes where it was judged to go."""

import pytest

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.returns import (
    InspectedUnits,
    ReturnState,
    announce_return,
    cancel_return,
    receive_return,
)
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import find_line
from models.warehouse.sellable import stock_figures
from tests.support.builders import (
    check_laws,
    get_order,
    holds_in,
    ledger_in,
    lines_in,
    make_line,
    make_order,
    take_in,
)
from tests.support.returns import come_back, line_id, sell


def test_units_go_where_they_were_judged_to_go(database: str) -> None:
    """What is good is sold again, what is not stays apart, what is scrap is nowhere."""
    with session_scope() as session:
        shop = sell(session)
        row = come_back(session, a=InspectedUnits(to_stock=1, b_stock=1, scrapped=1), b=1)

        assert lines_in(session, "1")["a"] == (3, 0, 3, 0)
        assert find_line(session, get_order(session, "1"), "a").returned == 3
        assert [entry for entry in ledger_in(session) if entry[2] == "returned"] == [
            ("MUG", 1, "returned", f"return {row.id}"),
            ("CUP", 1, "returned", f"return {row.id}"),
            ("MUG", 1, "returned", f"return {row.id}"),
        ]
        mug = find_line(session, get_order(session, "1"), "a").article_id or 0
        assert stock_figures(session, [mug])[mug].available == 8, (
            "seven and the good one, not the one kept apart"
        )
        take_in(session, shop, make_order("2", make_line("c", "MUG", 9)))
        assert holds_in(session, "2") == [("stock_short", "c", {"missing": 1, "quantity": 9})]
        check_laws(session)


def test_a_return_takes_its_steps_once(database: str) -> None:
    """Received twice, credited before it came, or more than had left: refused, and nothing moves."""
    with session_scope() as session:
        sell(session)
        order = get_order(session, "1")
        a = line_id(session, "a")
        row = announce_return(session, order, {a: 2}, "  zu   klein ")
        with pytest.raises(RuleError, match="1 are shipped and not announced"):
            announce_return(session, order, {a: 2})
        with pytest.raises(RuleError, match="is announced; only a received return"):
            credit_return(session, row)
        with pytest.raises(RuleError, match="4 units cannot have arrived, 3 are shipped"):
            receive_return(session, row, {a: InspectedUnits(to_stock=4)})
        with pytest.raises(RuleError, match="No unit of return"):
            receive_return(session, row, {})
        receive_return(session, row, {a: InspectedUnits(to_stock=1)})
        with pytest.raises(RuleError, match="is received already"):
            receive_return(session, row, {a: InspectedUnits(to_stock=1)})
        credit_return(session, row)
        with pytest.raises(RuleError, match="only once"):
            credit_return(session, row)
        other = announce_return(session, order, {a: 1})
        cancel_return(session, other)

        assert (row.reason, row.state, other.state) == (
            "zu klein",
            ReturnState.credited,
            ReturnState.cancelled,
        )
        assert find_line(session, order, "a").returned == 1
        check_laws(session)
