"""Codes as a person scans or types them: which articles they stand for."""

from models.database.session import session_scope
from models.orders.scanned_codes import LONGEST_SCAN, find_scanned, scan_key
from tests.support.builders import add_article, make_shop

GTIN = "4006381333931"


def test_case_counts_only_where_a_sku_matches_exactly(database: str) -> None:
    """Two SKUs that differ in case alone are told apart when they are scanned as they are."""
    with session_scope() as session:
        shop = make_shop(session)
        for sku in ("Mug 1", "MUG1", "CUP"):
            add_article(session, shop, sku)

        def found(code: str) -> list[str]:
            return [each.sku for each in find_scanned(session, shop.tenant_id, code)]

        assert (found("MUG1"), found("Mug 1")) == (["MUG1"], ["Mug 1"])
        assert found("mug1") == ["Mug 1", "MUG1"]
        assert found(" C U P ") == ["CUP"]
        assert found("POT") == []


def test_a_gtin_is_found_with_and_without_leading_zeros(database: str) -> None:
    """One that two articles have stands for both; another tenant's stands for none."""
    with session_scope() as session:
        shop, other = make_shop(session), make_shop(session, "sued")
        for sku in ("MUG", "CUP"):
            add_article(session, shop, sku, gtin=GTIN)

        assert [each.sku for each in find_scanned(session, shop.tenant_id, f"0{GTIN}")] == ["MUG", "CUP"]
        assert find_scanned(session, other.tenant_id, GTIN) == []


def test_what_is_too_long_or_blank_is_no_code() -> None:
    """A scanner that sends a whole document asks for nothing."""
    assert scan_key("A" * (LONGEST_SCAN + 1)) == scan_key(" ") == ""
    assert scan_key("A" * LONGEST_SCAN)
