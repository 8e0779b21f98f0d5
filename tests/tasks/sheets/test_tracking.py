"""A carrier's file becomes parcels, row by row; what is known changes nothing, what is wrong is refused."""

from pathlib import Path

import pytest
from sqlmodel import Session, select

from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData, shipments_of
from models.orders.order import OrderState
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from tasks.sheets.tracking import import_tracking
from tests.support.builders import (
    SHIPPED_AT,
    add_article,
    get_order,
    make_line,
    make_order,
    make_shop,
    take_in,
)


@pytest.fixture
def orders(sqlite_database: str) -> None:
    """Four open orders, one of which another channel number is known of."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=50)
        for number in "1234":
            line = make_line(f"{number}-a", "MUG")
            take_in(session, shop, make_order(number, line, channel_number=f"EB-{number}"))


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "export.csv"
    file.write_text(text, encoding)
    return file


def parcels_in(session: Session, number: str) -> list[tuple[str, str, str]]:
    order = get_order(session, number)
    return [
        (shipment.carrier, parcel.tracking_number, shipment.shipped_at.date().isoformat())
        for shipment, parcels in shipments_of(session, order.id or 0)
        for parcel in parcels
    ]


def run(file: Path, **options: object) -> list[tuple[int, str, str]]:
    report = import_tracking(file, None, dry_run=False, **options)  # type: ignore[arg-type]
    return [(row.row, row.order, f"{row.outcome} {row.reason}".strip()) for row in report.rows]


def test_rows_become_parcels(orders: None, tmp_path: Path) -> None:
    """Two rows of an order are two parcels of one shipment; the same file again changes nothing."""
    file = write(
        tmp_path,
        "Sendungsnummer;Sendungsreferenz;Sendungsdatum\r\n00340434161094000001;1;03.03.2026\r\n"
        "00340434161094000002;1;03.03.2026\r\n00340434161094000003;EB-2;03.03.26\r\n",
        "latin-1",
    )
    first, second = run(file, carrier="DHL"), run(file, carrier="DHL")

    assert first == [(2, "1", "new"), (3, "1", "new"), (4, "EB-2", "new")]
    assert second == [(2, "1", "unchanged"), (3, "1", "unchanged"), (4, "EB-2", "unchanged")]
    with read_scope() as session:
        assert parcels_in(session, "1") == [
            ("DHL", "00340434161094000001", "2026-03-03"),
            ("DHL", "00340434161094000002", "2026-03-03"),
        ]
        assert get_order(session, "2").state is OrderState.shipped
        told = session.exec(select(Outbound).where(Outbound.kind == OutboundKind.shipment)).all()
        assert len(told) == 2


def test_a_parcel_gets_its_number_later(orders: None, tmp_path: Path) -> None:
    """What left without a number is completed, and the channel is told once more."""
    with session_scope() as session:
        record_shipment(session, get_order(session, "1"), "DPD", [ParcelData()], SHIPPED_AT)
    assert run(write(tmp_path, "order,tracking_number\n1,09981122334455\n"), carrier="DHL") == [
        (2, "1", "changed")
    ]
    with read_scope() as session:
        assert [(carrier, number) for carrier, number, _ in parcels_in(session, "1")] == [
            ("DHL", "09981122334455")
        ]
        row = session.exec(select(Outbound).where(Outbound.kind == OutboundKind.shipment)).one()
        assert row.version == 2


def test_bad_rows_are_refused_and_the_rest_taken(orders: None, tmp_path: Path) -> None:
    """Each with its reason: unknown order, no number, a rounded one, cancelled, no carrier, no date."""
    file = write(
        tmp_path,
        "order;tracking_number;carrier;shipped_on;SITEMS_STORNO\n"
        "9;T1;DHL;;\n1;;DHL;;\n2;3,4E+19;DHL;;\n3;T3;DHL;;-1\n4;T4;;;\n4;T5;DHL;31.02.2026;\n4;T6;DHL;;0\n",
    )
    found = run(file)

    assert [outcome.partition(" ")[0] for _, _, outcome in found] == [*["refused"] * 6, "new"]
    reasons = [outcome.partition(" ")[2] for _, _, outcome in found]
    expected = ("no order '9'", "1 to 80", "rounded", "cancelled this parcel", "none is named", "no date")
    for reason, words in zip(reasons, expected, strict=False):
        assert words in reason
    with read_scope() as session:
        assert [number for _, number, _ in parcels_in(session, "4")] == ["T6"]
        assert [parcels_in(session, number) for number in "123"] == [[], [], []]


@pytest.mark.parametrize("text", ["sku,on_hand\nA,1\n", "order\n1\n", ""])
def test_a_file_without_the_columns(orders: None, tmp_path: Path, text: str) -> None:
    """It is refused as a whole, with what is missing."""
    with pytest.raises(RuleError, match=r"tracking_number|is empty"):
        run(write(tmp_path, text))


def test_a_dry_run_books_nothing(orders: None, tmp_path: Path) -> None:
    """It says what would be, and nothing has left."""
    report = import_tracking(write(tmp_path, "order,tracking_number,carrier\n1,T1,DHL\n"), None, dry_run=True)

    assert [str(row.outcome) for row in report.rows] == ["new"]
    with read_scope() as session:
        assert get_order(session, "1").state is OrderState.open
