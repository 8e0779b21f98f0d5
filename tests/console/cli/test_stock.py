"""`warenfluss stock`: counting, and what channels get less."""

from tests.support.cli_steps import article, bundle, call, open_shop, read, refused, take_articles


def test_stock_by_hand(database: str) -> None:
    """Counted stock is seen in lists, for bundles by their parts; channels are told."""
    open_shop()
    take_articles(article("MUG", 10), article("CUP", 3), bundle("SET", MUG=2, CUP=1))

    assert call("stock", "set", "MUG", "3").exit_code == 0

    rows = {row["sku"]: (row["on_hand"], row["available"]) for row in read("stock", "list")}
    assert rows == {"CUP": (3, 3), "MUG": (3, 3), "SET": (1, 1)}
    assert "SET is a bundle" in refused("stock", "set", "SET", "3")
    assert "There is no article with SKU 'NIX'" in refused("stock", "set", "NIX", "3")
    assert "There is no warehouse 'attic'" in refused("stock", "set", "MUG", "3", "--warehouse", "attic")
    assert call("stock", "warehouse", "attic", "--priority", "5").exit_code == 0
    assert call("stock", "set", "MUG", "4", "--warehouse", "attic").exit_code == 0
    (mug,) = read("stock", "list", "MUG")
    assert [(place["warehouse"], place["on_hand"]) for place in mug["warehouses"]] == [
        ("main", 3),
        ("attic", 4),
    ]
    assert [row["sku"] for row in read("article", "list", "--limit", "1")] == ["CUP"]
    assert read("article", "show", "SET")["parts"] == [
        {"sku": "MUG", "quantity": 2},
        {"sku": "CUP", "quantity": 1},
    ]


def test_what_is_held_back_from_a_channel(database: str) -> None:
    """Limits are set for account and article, listed by SKU and taken away again."""
    open_shop()
    take_articles(article("MUG"))
    assert call("stock", "limit", "shop", "--buffer", "2").exit_code == 0
    rows = read("stock", "limit", "shop", "--sku", "MUG", "--maximum", "5")
    assert [(row["scope"], row["of"], row["buffer"], row["maximum"]) for row in rows] == [
        ("account", "", 2, None),
        ("article", "MUG", 0, 5),
    ]
    assert call("stock", "limit", "shop", "--sku", "MUG", "--remove").exit_code == 0
    assert len(read("stock", "limit", "shop")) == 1
    assert refused("stock", "limit", "shop", "--sku", "MUG", "--remove") == "There is no such limit."
