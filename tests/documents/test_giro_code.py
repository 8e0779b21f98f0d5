"""Codes that a banking app reads a transfer from."""

import struct
from datetime import date
from decimal import Decimal

from documents.giro_code import draw_giro_code, giro_text
from models.papers.records import PaymentRequest
from models.tenants.records import BankData

BANK = BankData(holder="Sonnenhof Keramik GmbH", iban="DE02120300000000202051", bic="BYLADEM1001")
ASK = PaymentRequest(
    amount=Decimal("1224.50"),
    purpose="Bestellung A-100234",
    due_on=date(2026, 11, 29),
    bank=BANK,
    link="https://pay.example/A-100234?sum=1224.50",
)


def test_a_giro_code_says_what_banks_expect() -> None:
    """The eleven lines of the standard, version 002, UTF-8, without blanks in the IBAN."""
    text = giro_text(
        holder=BANK.holder, iban=BANK.iban, bic=BANK.bic, amount=Decimal("1224.5"), purpose=ASK.purpose
    )
    assert text.split("\n") == [
        *("BCD", "002", "1", "SCT", "BYLADEM1001", "Sonnenhof Keramik GmbH", "DE02120300000000202051"),
        *("EUR1224.50", "", "", "Bestellung A-100234"),
    ]
    png = draw_giro_code(text)
    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG")
    assert width == height >= 150
