"""Conditions on many values: cut into batches, and the same on both databases."""

from sqlmodel import col, select

from models.database.conditions import among, in_batches
from models.database.session import session_scope
from models.tenants.tenant import Tenant, add_tenant


def test_batches_hold_every_value_once() -> None:
    """In their order; no value makes no batch."""
    assert [list(batch) for batch in in_batches([1, 2, 3, 4, 5], size=2)] == [[1, 2], [3, 4], [5]]
    assert list(in_batches([], size=2)) == []


def test_a_column_has_one_of_the_values(database: str) -> None:
    """Texts and whole numbers; no value fits no row."""
    with session_scope() as session:
        ids = {name: add_tenant(session, name).row_id for name in ("nord", "ost", "sued")}

        def found(column: object, *values: str | int | None) -> list[str]:
            query = select(Tenant.name).where(among(column, values)).order_by(col(Tenant.name))
            return list(session.exec(query))

        assert found(col(Tenant.name), "ost", "west", "nord") == ["nord", "ost"]
        assert found(col(Tenant.id), ids["sued"], 4711) == ["sued"]
        assert found(col(Tenant.name)) == []
