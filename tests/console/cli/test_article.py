"""`warenfluss article`: spreadsheets, and the stock sheets beside them."""

import json
from pathlib import Path

from tests.support.cli_steps import call, open_shop, read, refused


def test_importing_spreadsheets(database: str, tmp_path: Path) -> None:
    """The report goes to standard output, its sum to standard error; refused rows make exit code 1."""
    open_shop()
    file = tmp_path / "a.csv"
    file.write_text("sku;Titel;Lagerplatz\nMUG;Becher;A1\n;;\nCUP;Tasse;\n", "utf-8")
    result = call("article", "import", str(file), "--dry-run")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "Columns that were not read: Lagerplatz.",
        "Would be: 2 new, 0 changed, 0 unchanged, 0 refused of 2 rows.",
    ]
    assert read("article", "list") == []
    assert [row["outcome"] for row in read("article", "import", str(file))] == ["new", "new"]
    stock = tmp_path / "s.csv"
    stock.write_text("sku;Bestand\nMUG;5\nNIX;5\n", "utf-8")

    result = call("stock", "import", str(stock), "--json")

    assert result.exit_code == 1
    assert [row["outcome"] for row in json.loads(result.stdout)] == ["changed", "refused"]
    assert read("stock", "list")[0]["on_hand"] == 5
    assert (
        refused("article", "import", str(tmp_path / "nix.csv"))
        == "nix.csv cannot be read: No such file or directory."
    )
