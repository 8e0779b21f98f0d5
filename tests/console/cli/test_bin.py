"""`warenfluss bin`: where articles lie."""

import json
from pathlib import Path

from tests.support.cli_steps import (
    article,
    bundle,
    call,
    line,
    open_shop,
    order,
    read,
    refused,
    take_articles,
    take_orders,
)

GTIN = "4006381333931"
BINS = """Lager;Lagerplatz;Laufweg;SKU
;B-1;20;MUG
;A-1;10;CUP
;A-1;11;POT
;A-1;;POT
;C-1;x;POT
nord;A-1;1;MUG
;D-1;40;NIX
;E-1;50;SET
;B-2;;MUG
;;;MUG
;F-1;60;
"""


def open_walk() -> None:
    open_shop()
    take_articles(
        article("MUG", 5, gtin=GTIN), article("CUP", 5), article("POT", 5), bundle("SET", MUG=1, CUP=1)
    )
    take_orders(order("1", line("a", "MUG", 2)), order("2", line("b", "SET"), line("c", "POT")))
    assert call("order", "release", "1", "2").exit_code == 0


def test_bins_come_from_a_file(sqlite_database: str, tmp_path: Path) -> None:
    """Row by row: what is wrong is refused by its reason, the rest taken, and again nothing is changed."""
    open_walk()
    file = tmp_path / "bins.csv"
    file.write_text(BINS, "cp1252")

    result = call("bin", "import", str(file), "--json")
    assert (result.exit_code, result.stderr.strip()) == (
        1, "3 new, 1 changed, 0 unchanged, 7 refused of 11 rows.",
    )  # fmt: skip
    wrong = [row for row in json.loads(result.stdout) if row["outcome"] == "refused"]
    assert [(row["row"], row["reason"].partition(":")[0]) for row in wrong] == [
        (4, "place"), (6, "place"), (7, "There is no warehouse 'nord'."),
        (8, "sku"), (9, "sku"), (10, "bin"), (11, "bin"),
    ]  # fmt: skip
    again = call("bin", "import", str(file))
    assert "`warenfluss stock warehouse nord --priority 1` adds the warehouse." in again.stderr.splitlines()
    assert "0 new, 0 changed, 4 unchanged" in again.stderr
    assert read("bin", "list") == [
        {"warehouse": "main", "bin": "A-1", "place": 10, "skus": ["CUP", "POT"]},
        {"warehouse": "main", "bin": "B-1", "place": 20, "skus": ["MUG"]},
        {"warehouse": "main", "bin": "F-1", "place": 60, "skus": []},
    ]


def test_bins_by_hand(sqlite_database: str) -> None:
    """Added behind the last, moved, renamed, filled and emptied; what is wrong is one sentence."""
    open_walk()
    for name in ("A", "B"):
        assert call("bin", "add", name).exit_code == 0
    assert refused("bin", "add", "A") == "Warehouse 'main' has a bin 'A' already."
    assert refused("bin", "set", "X", "--place", "3").startswith("Warehouse 'main' has no bin 'X'")
    assert refused("bin", "set", "A", "--sku", "SET") == "SET is a bundle; its stock is that of its parts."
    assert refused("bin", "set", "A", "--new-name", "B") == "Warehouse 'main' has a bin 'B' already."
    assert call("bin", "set", "A", "--sku", "MUG", "--sku", "CUP").exit_code == 0
    assert call("bin", "set", "A", "--without", "CUP", "--place", "99", "--new-name", "Z").exit_code == 0
    assert read("bin", "list") == [
        {"warehouse": "main", "bin": "B", "place": 10, "skus": []},
        {"warehouse": "main", "bin": "Z", "place": 99, "skus": ["MUG"]},
    ]
