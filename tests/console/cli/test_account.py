"""`warenfluss account`: what is wrong is named before anything is saved."""

from tests.support.cli_steps import call, read, refused


def test_an_account_needs_its_tenant_and_fitting_settings(sqlite_database: str) -> None:
    """What is wrong is named before anything is saved or Prefect is started; secrets are not repeated."""
    add = (
        "account",
        "add",
        "shop",
        "--kind",
        "afterbuy",
        "--tenant",
        "acme",
        "--secret",
        "partner_token=s3cret",
    )
    assert "There is no tenant 'acme'. `warenfluss tenant add acme` adds a tenant." in refused(*add)
    call("tenant", "add", "acme")

    sentence = refused(*add, "--set", "base_url=ftp://nowhere", "--set", "colour=red")

    assert "'colour'" in sentence
    assert "'base_url'" in sentence
    assert "account_token is missing" in sentence
    assert "s3cret" not in sentence
    assert "There is no kind of account 'ebay'" in refused(
        "account", "add", "x", "--kind", "ebay", "--tenant", "acme"
    )
    assert read("account", "list") == []
