"""How papers and mails name ways to pay."""

from documents.payment_names import NAMES, payment_name
from models.tenants.records import PaymentKind


def test_each_kind_has_its_name_and_a_channels_method_keeps_its_own() -> None:
    """In the language of the paper."""
    assert set(NAMES) == set(PaymentKind)
    assert payment_name(PaymentKind.prepayment, "de") == "Vorkasse"
    assert payment_name(PaymentKind.prepayment, "en") == "Prepayment"
    assert payment_name("Ratenkauf by Shop", "en") == "Ratenkauf by Shop"
