"""A record of each kind of paper, and the text of what is drawn from it."""

import io
from datetime import date
from decimal import Decimal
from typing import Any

from pypdf import PdfReader

from models.accounting.records import PaperLine, TaxSum
from models.papers.records import (
    AddressLabel,
    Goods,
    OrderPaper,
    PackingSlip,
    PaperFormat,
    PaperKind,
    PickPaper,
    PickRow,
    PickTarget,
    Place,
    ReturnSlip,
)
from models.tenants.records import SellerData

SELLER = SellerData(
    name="Sonnenhof Keramik GmbH",
    address=["Am Ölberg 3", "04109 Leipzig"],
    tax_number="231/123/45678",
    vat_id="DE123456789",
    footer=["IBAN DE02 1203 0000 0000 2020 51", "HRB 12345"],
)
BUYER = Place(lines=["Änne Groß", "Straße 1", "80331 München"])
VIENNA = Place(lines=["Änne Groß", "Ring 1", "1010 Wien"], country="AT")
A4, THERMAL = PaperFormat.a4, PaperFormat.thermal


def goods(count: int = 1, **values: Any) -> list[Goods]:
    return [
        Goods(number=f"B-{number}", title=f"Becher Größe {number}", quantity=2, **values)
        for number in range(1, count + 1)
    ]


def order_paper(kind: PaperKind, count: int = 1, **values: Any) -> OrderPaper:
    lines = [
        PaperLine(
            number=f"B-{number}",
            title=f"Becher Größe {number}",
            quantity=2,
            price=Decimal("9.90"),
            amount=Decimal("19.80"),
            tax_rate=Decimal(19),
        )
        for number in range(1, count + 1)
    ]
    sums = {"net": Decimal("16.64"), "tax": Decimal("3.16"), "gross": Decimal("19.80")}
    fields: dict[str, Any] = {
        "kind": kind,
        "dated": date(2026, 11, 22),
        "language": "de",
        "currency": "EUR",
        "seller": SELLER,
        "buyer": BUYER.lines,
        "order_number": "1002-33",
        "ordered_on": date(2026, 11, 18),
        "payment_method": "PayPal",
        "shipping_method": "DHL Paket",
        "lines": lines,
        "shipping_amount": Decimal("4.90"),
        "fee_amount": Decimal(0),
        "taxes": [TaxSum(rate=Decimal(19), **sums)],
        **sums,
    }
    return OrderPaper(**{**fields, **values})


def packing_slip(count: int = 1, **values: Any) -> PackingSlip:
    fields: dict[str, Any] = {
        "language": "de",
        "seller": SELLER,
        "to": VIENNA,
        "order_number": "1002-33",
        "ordered_on": date(2026, 11, 18),
        "shipping_method": "DHL Paket",
        "goods": goods(count),
    }
    return PackingSlip(**{**fields, **values})


def return_slip(count: int = 1, **values: Any) -> ReturnSlip:
    fields = {"language": "de", "seller": SELLER, "buyer": VIENNA, "order_number": "1002-33"}
    return ReturnSlip(**{**fields, "goods": goods(count), **values})


def label(**values: Any) -> AddressLabel:
    fields = {"language": "de", "seller": SELLER, "to": VIENNA, "order_number": "1002-33"}
    return AddressLabel(**{**fields, **values})


def pick_list(count: int = 1, **values: Any) -> PickPaper:
    rows = [
        PickRow(
            bin=f"A-{number:02}",
            sku=f"B-{number}",
            gtin="4006381333931",
            title=f"Becher {number}",
            quantity=3,
            targets=[
                PickTarget(quantity=2, order_number="1002-33", box="1"),
                PickTarget(quantity=1, order_number="1002-34"),
            ],
        )
        for number in range(1, count + 1)
    ]
    fields = {"language": "de", "seller": SELLER, "warehouse": "Halle", "dated": date(2026, 11, 22)}
    return PickPaper(**{**fields, "rows": rows, **values})


def pages_of(pdf: bytes) -> list[str]:
    reader = PdfReader(io.BytesIO(pdf))
    return [page.extract_text().replace("\N{NO-BREAK SPACE}", " ") for page in reader.pages]


def flat(text: str) -> str:
    return " ".join(text.split())
