"""`warenfluss tenant`: what is set is read as a whole, or refused in a sentence."""

from pathlib import Path

import pytest

from tests.support.cli_steps import (
    call,
    open_shop,
    read,
    refused,
    settings,
)

TENANT = ("tenant", "set", "acme")


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


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["bank.iban=DE02120300000000202051"], "The settings 'bank' do not fit each other: an IBAN needs"),
        (
            ["bank.holder=A", "bank.iban=DE02120300000000202052"],
            "The setting 'bank.iban' does not fit: this is no IBAN",
        ),
        (["bank.days=0"], "The setting 'bank.days' does not fit"),
        (["mails.reply_to=a@b.example\nBcc: c@d.example"], "The setting 'mails.reply_to' does not fit"),
        (["mails.tracking_links.DHL=http://x"], "The setting 'mails.tracking_links' does not fit"),
        (["seller.address=" + "x" * 101], "The setting 'seller.address' does not fit"),
        (["seller.address= "], "The setting 'seller.address' does not fit"),
        (["taxes.told_rates=ours"], "(allowed are destination, home)"),
        (["seller.small_business=perhaps"], "(allowed are true, false)"),
        (
            ["mails.tracking_links=https://x.example"],
            "There is no setting 'mails.tracking_links': allowed",
        ),
        (["seller.logo=x"], "There is no setting 'seller.logo': allowed are seller.name, "),
        (["shoe.size=42"], "There is no setting 'shoe.size': allowed are seller.name, "),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_changes(database: str, pairs: list[str], said: str) -> None:
    """It is named with its group, and nothing else of the command is done."""
    open_shop()
    (before,) = read("tenant", "list")
    assert said in refused(*TENANT, *settings("mails.colour=#000000", *pairs))
    assert read("tenant", "list") == [before]


def test_settings_of_mails_are_kept(database: str) -> None:
    """Links are added one by one; one without an address is the usual again."""
    open_shop()
    dhl = "mails.tracking_links.DHL"
    assert call(*TENANT, *settings(f"{dhl}=https://a.example/{{number}}")).exit_code == 0
    both = settings("mails.tracking_links.Bote=https://b.example", "bank.days=14")
    assert call(*TENANT, *both).exit_code == 0
    assert call(*TENANT, *settings(f"{dhl}=")).exit_code == 0
    (tenant,) = read("tenant", "list")
    assert tenant["mails"]["tracking_links"] == {"Bote": "https://b.example"}
    assert tenant["bank"]["days"] == 14


def test_rates_are_set_by_command(sqlite_database: str) -> None:
    """Each is refused if it is none, and then nothing is changed."""
    open_shop()
    done = [
        call(
            *TENANT, *settings("taxes.oss_from=2026-07-01", "taxes.told_rates=home", "taxes.day_rates=true")
        ),
        call("tenant", "exchange-rate", "acme", "chf", "0,9312", "--month", "2026-11"),
        call("tenant", "exchange-rate", "acme", "CHF", "0.94", "--month", "2026-12"),
        call("tenant", "vat-rates", "acme", "EE", "24", "13", "9", "--from", "2027-01-01"),
        call("tenant", "vat-rates", "acme", "EE", "25", "--from", "2027-01-01"),
    ]
    assert [each.exit_code for each in done] == [0] * 5, [each.stderr for each in done]
    (row,) = read("tenant", "list")

    assert row["taxes"] == {
        "oss_from": "2026-07-01",
        "below_threshold": False,
        "told_rates": "home",
        "day_rates": True,
        "vat_rates": [{"area": "EE", "since": "2027-01-01", "standard": "25", "reduced": []}],
        "exchange_rates": {"2026-11": {"CHF": "0.9312"}, "2026-12": {"CHF": "0.94"}},
    }
    said = refused("tenant", "set", "acme", *settings("taxes.oss_from=soon"))
    assert "The setting 'taxes.oss_from' does not fit" in said
    assert "own currency" in refused("tenant", "exchange-rate", "acme", "EUR", "1", "--month", "2026-11")
    assert "RATE does not fit" in refused("tenant", "exchange-rate", "acme", "CHF", "0", "--month", "2026-11")
    assert "AREA or a rate" in refused("tenant", "vat-rates", "acme", "US", "8", "--from", "2027-01-01")
    for wrong in (
        ("exchange-rate", "acme", "CHF", "much", "--month", "2026-11"),
        ("exchange-rate", "acme", "CHF", "1", "--month", "November"),
        ("vat-rates", "acme", "EE", "24"),
    ):
        assert call("tenant", *wrong).exit_code == 2
    assert read("tenant", "list") == [row]
    assert call("tenant", "set", "acme", *settings("taxes.oss_from=")).exit_code == 0
    assert read("tenant", "list")[0]["taxes"]["oss_from"] is None
