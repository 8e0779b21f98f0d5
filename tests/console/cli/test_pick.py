"""`warenfluss bin` and `warenfluss pick`: a whole walk, as people type and scan it."""

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


def test_a_walk_with_boxes(sqlite_database: str) -> None:
    """Made, scanned line by line as a scanner types, undone, short, closed: each answer in words."""
    open_walk()
    assert call("bin", "add", "A-1").exit_code == 0
    assert call("bin", "set", "A-1", "--sku", "MUG").exit_code == 0
    made = call("pick", "create", "--boxes", "5")
    assert (made.exit_code, made.stdout) == (0, "1\n")
    assert refused("pick", "create") == (
        "No order waits to be picked: none is released, with stock, without holds and on no list yet."
    )
    assert read("pick", "list")[0]["quantity"] == 5
    shown = read("pick", "show", "1")
    assert [(stop["bin"], stop["sku"], stop["quantity"]) for stop in shown["stops"]] == [
        ("A-1", "MUG", 3), ("", "CUP", 1), ("", "POT", 1),
    ]  # fmt: skip

    scanned = call("pick", "scan", "1", given=f"{GTIN}\r\n\n{GTIN}\nNIX\nmug\nMUG\n")
    assert (scanned.exit_code, scanned.stdout.splitlines()) == (
        1,
        [
            "OK  MUG: 1 for box 1 (order 1); 1 of 3",
            "OK  MUG: 1 for box 1 (order 1); 2 of 3",
            "NO  'NIX' is no SKU or GTIN of an article.",
            "OK  MUG: 1 for box 2 (order 2); 3 of 3",
            "NO  No more of MUG is wanted: all 3 are taken.",
        ],
    )
    assert call("pick", "undo", "1").stderr.startswith("MUG: 1 from box 2 (order 2) taken back, 2 of 3")
    short = call("pick", "short", "1", "MUG")
    assert short.stderr.splitlines() == [
        "MUG: 1 missing, stock was corrected by -3.",
        "These orders wait for stock: 2.",
    ]
    assert "1 units of pick list 1 are still to be taken" in refused("pick", "close", "1")
    assert call("pick", "scan", "1", "POT").stdout == (
        "OK  POT: 1 for box 2 (order 2); 1 of 1; the list is complete\n"
    )
    assert call("order", "cancel", "1").exit_code == 0
    assert "Put back 2 × MUG from box 1 (order 1)." in call("pick", "show", "1").stdout
    closed = call("pick", "close", "1")
    assert closed.stdout.splitlines() == [
        "Partly picked: 2",
        "Order 1 is cancelled.",
        "Put back 2 × MUG from box 1 (order 1).",
    ]
    assert refused("pick", "scan", "1", "MUG") == ""
    assert read("pick", "list") == []
    (row,) = [each for each in read("order", "list") if each["external_id"] == "2"]
    assert [(each["external_id"], each["picked"]) for each in row["lines"]] == [("b", 0), ("c", 1)]


def test_lists_for_orders_and_batches(sqlite_database: str) -> None:
    """One list for each order named, the others' refusal aside; a batch is sorted after the walk."""
    open_walk()
    made = call("pick", "create", "1", "9", "M-1")
    assert (made.exit_code, made.stdout) == (1, "1\n")
    assert made.stderr.splitlines() == ["There is no order '9'.", "Order 1 is on pick list 1 already."]
    assert call("pick", "create", "1", "--batch", "3").exit_code == 2
    cancelled = call("pick", "cancel", "1")
    assert cancelled.stdout == "Order 1 was on a list that was cancelled.\n"
    assert call("pick", "create", "--batch", "3").stdout == "2\n"
    assert call("pick", "scan", "2", "MUG", "--quantity", "3").stdout == (
        "OK  MUG: 2 for order 1, 1 for order 2; 3 of 3\n"
    )
    by_order = call("pick", "show", "2", "--by-order").stdout.splitlines()
    assert [row.split()[:2] for row in by_order[1:]] == [
        ["1", "MUG"],
        ["2", "CUP"],
        ["2", "MUG"],
        ["2", "POT"],
    ]
    assert len(read("pick", "list", "--all")) == 2
