"""Printed names of payment kinds."""

from collections.abc import Mapping

from documents.text import get_translations, mark
from models.tenants.records import PaymentKind

NAMES: Mapping[str, str] = {
    PaymentKind.prepayment: mark("Prepayment"),
    PaymentKind.card: mark("Card"),
    PaymentKind.wallet: mark("Online payment"),
    PaymentKind.direct_debit: mark("Direct debit"),
    PaymentKind.instalments: mark("Instalments"),
    PaymentKind.marketplace: mark("Paid at the marketplace"),
    PaymentKind.invoice: mark("By invoice"),
    PaymentKind.cash_on_delivery: mark("Cash on delivery"),
    PaymentKind.cash_on_pickup: mark("Cash when collected"),
}


def payment_name(method: str, language: str) -> str:
    """Return the translated name of one of our payment kinds; a channel's method keeps its own name."""
    return get_translations(language).gettext(NAMES[method]) if method in NAMES else method
