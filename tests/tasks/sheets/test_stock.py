"""Stock in spreadsheets."""

from pathlib import Path

from sqlmodel import col, select

from models.database.session import read_scope
from models.sync.delivery import list_outbound
from models.sync.outbound import OutboundState
from models.warehouse.levels import StockMovement
from tasks.sheets.stock import export_stock, import_stock
from tests.support.cli_steps import article, line, open_shop, order, take_articles, take_orders


def test_stock_goes_through_the_ledger(database: str, tmp_path: Path) -> None:
    """Counted stock writes movements, tells channels, and repeating it changes nothing."""
    open_shop()
    take_articles(article("MUG", 10), article("CUP", 3), article("P", None, kind="parent"))
    file = tmp_path / "bestand.csv"
    file.write_text("Artikelnummer;Bestand\nMUG;12\nCUP;3\nNIX;1\nP;1\nMUG;9\nCUP2;-1\n", "utf-8")

    report = import_stock(file, None, dry_run=False)

    assert [(row.row, row.outcome, row.reason) for row in report.rows] == [
        (2, "changed", ""),
        (3, "unchanged", ""),
        (4, "refused", "sku: There is no article with SKU 'NIX'."),
        (5, "refused", "sku: P groups variants; set the stock of each of them."),
        (6, "refused", "sku: 'MUG' stands in row 2 already"),
        (7, "refused", "on_hand: -1 is negative"),
    ]
    moves_of_levels = select(StockMovement).order_by(col(StockMovement.id))
    with read_scope() as session:
        moves = [(move.quantity, move.reference) for move in session.exec(moves_of_levels).all()]
        queued = list_outbound(session, [OutboundState.pending])
    assert moves[-1] == (2, "bestand.csv")
    assert sorted(row.version for row in queued) == [1, 2], "only what changed is told again"
    again = import_stock(file, None, dry_run=False)
    assert [row.outcome for row in again.rows][:2] == ["unchanged", "unchanged"]


def test_stock_below_what_is_promised_is_refused_alone(database: str, tmp_path: Path) -> None:
    """The rule of allocation holds for files too, and the other rows of the batch are taken."""
    open_shop()
    take_articles(article("MUG", 10), article("CUP", 3))
    take_orders(order("1", line("1-1", "MUG", 5)))
    file = tmp_path / "s.csv"
    file.write_text("sku,on_hand\nMUG,4\nCUP,7\n", "utf-8")

    report = import_stock(file, None, dry_run=False)

    assert [(row.outcome, row.reason) for row in report.rows] == [
        ("refused", "on_hand: Stock of MUG cannot become 4: 5 are allocated to orders."),
        ("changed", ""),
    ]


def test_stock_dry_run_and_export(database: str, tmp_path: Path) -> None:
    """A dry run leaves figures alone; an export comes back unchanged."""
    open_shop()
    take_articles(article("MUG", 10), article("0815", 0))
    file = tmp_path / "s.xlsx"
    assert export_stock(file, None, german=True) == 2
    assert [row.outcome for row in import_stock(file, None, dry_run=False).rows] == ["unchanged"] * 2
    count = tmp_path / "count.csv"
    count.write_text("sku,quantity,warehouse\nMUG,99,main\n0815,1,attic\n", "utf-8")

    report = import_stock(count, None, dry_run=True)

    assert [row.outcome for row in report.rows] == ["changed", "refused"]
    assert report.rows[1].reason.startswith("warehouse: There is no warehouse 'attic'")
    assert [row.outcome for row in import_stock(file, None, dry_run=False).rows] == ["unchanged"] * 2
