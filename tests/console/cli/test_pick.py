"""`warenfluss pick`: a whole walk, as people type and scan it."""

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


def open_walk() -> None:
    open_shop()
    take_articles(
        article("MUG", 5, gtin=GTIN), article("CUP", 5), article("POT", 5), bundle("SET", MUG=1, CUP=1)
    )
    take_orders(order("1", line("a", "MUG", 2)), order("2", line("b", "SET"), line("c", "POT")))
    assert call("order", "release", "1", "2").exit_code == 0


def test_a_walk_with_boxes(sqlite_database: str) -> None:
    """Made, scanned line by line as a scanner types, undone, short, closed: each answer in words."""
    open_walk()
    assert call("bin", "add", "A-1").exit_code == 0
    assert call("bin", "set", "A-1", "--sku", "MUG").exit_code == 0
    made = call("pick", "create", "--boxes", "5")
    assert (made.exit_code, made.stdout) == (0, "1\n")
    assert refused("pick", "create") == (
        "No order waits to be picked: none is released, has stock, is not held and is on no list yet."
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
            "NO  No more of MUG is needed: all 3 are picked.",
        ],
    )
    assert call("pick", "undo", "1").stderr.startswith("MUG: 1 from box 2 (order 2) taken back, 2 of 3")
    short = call("pick", "short", "1", "MUG")
    assert short.stderr.splitlines() == [
        "MUG: 1 missing, stock was corrected by -3.",
        "These orders wait for stock: 2.",
    ]
    assert "1 units of pick list 1 are not picked yet" in refused("pick", "close", "1")
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
