"""GiroCode: a bank transfer as a QR code that banking apps read (European Payments Council, EPC069-12)."""

import io
from decimal import Decimal

import segno

LARGEST = Decimal("999999999.99")
LONGEST_PURPOSE = 140


def giro_text(*, holder: str, iban: str, bic: str, amount: Decimal, purpose: str) -> str:
    """Return the content of a GiroCode; the amount is in euro, `iban` has no spaces.

    Raises: ValueError, for an amount, holder or purpose that a transfer cannot have.
    """
    if not 0 < amount <= LARGEST or amount != round(amount, 2):
        raise ValueError("the amount cannot be transferred")
    if len(holder) > 70 or len(purpose) > LONGEST_PURPOSE or "\n" in holder + purpose:
        raise ValueError("holder or purpose do not fit")
    # Version 002 needs no BIC within the European Economic Area; 1 means UTF-8.
    return "\n".join(["BCD", "002", "1", "SCT", bic, holder, iban, f"EUR{amount:.2f}", "", "", purpose])


def draw_giro_code(text: str) -> bytes:
    """Return a GiroCode as PNG, with the error correction and size that banks require. Raises: ValueError."""
    code = segno.make_qr(text, error="m", boost_error=False, encoding="utf-8", version=None)
    if int(code.version) > 13:
        raise ValueError("the text does not fit into a GiroCode")
    file = io.BytesIO()
    code.save(file, kind="png", scale=5, border=4)
    return file.getvalue()
