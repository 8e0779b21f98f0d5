"""`warenfluss tenant`: what is set is read as a whole, or refused in a sentence."""

from pathlib import Path

from tests.support.cli_steps import call, read, refused


def test_a_tenants_rules_come_from_a_file(database: str, tmp_path: Path) -> None:
    """The order of matching is read as a whole or refused naming the rule."""
    call("tenant", "add", "acme", "--title", "Acme GmbH", "--currency", "chf")
    file = tmp_path / "rules.json"
    file.write_text('[{"by": "gtin", "ignore": ["leading_zeros"]}, {"by": "sku"}]', "utf-8")
    assert call("tenant", "set", "acme", "--match-rules", str(file)).exit_code == 0
    file.write_text('[{"by": "gtin"}, {"by": "smell"}]', "utf-8")
    assert "Matching rule 2 is wrong at 'by'" in refused("tenant", "set", "acme", "--match-rules", str(file))

    (row,) = read("tenant", "list")
    assert (row["title"], row["currency"], len(row["match_rules"])) == ("Acme GmbH", "CHF", 2)
    assert refused("tenant", "add", "acme") == "Tenant 'acme' exists already."
