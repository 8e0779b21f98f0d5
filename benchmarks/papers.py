"""Many invoices in one file: drawn one after the other from stored content, and joined.

The floor writes the same words with reportlab on an empty canvas, one document per invoice: without tables,
line breaking and joining. No database is read.
"""

import random
import string
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import child
from benchmarks.figure import Plan, Row

NAME = "papers"
INVOICES = {"small": (3,), "default": (50, 500), "full": (50, 500, 5_000)}
LINES = 4


def measure(plan: Plan) -> Iterator[Row]:
    """Yield pages per second into one file for each number of invoices, drawn now or drawn before."""
    for invoices in plan.sizes_of(*(INVOICES[extent] for extent in ("small", "default", "full"))):
        rates: dict[str, list[float]] = {"drawn and joined": [], "joined": []}
        peaks: dict[str, float] = dict.fromkeys(rates, 0.0)
        floor: list[float] = []
        note = ""
        for _ in range(plan.runs_at(invoices)):
            with TemporaryDirectory(prefix="warenfluss-bench-") as folder:
                arguments = {"invoices": invoices, "folder": folder}
                floor.append(child.run("benchmarks.papers:write_words", invoices=invoices)["rate"])
                child.run("benchmarks.papers:store", **arguments)
                for case, function in (("drawn and joined", "draw"), ("joined", "join")):
                    answer = child.run(f"benchmarks.papers:{function}", **arguments)
                    rates[case].append(answer["rate"])
                    peaks[case] = max(peaks[case], answer["peak_mb"])
                note = f"{answer['kb']:.0f} kB a page, {answer['stored_kb']:.0f} kB before"
        for case, values in rates.items():
            yield Row(NAME, case, "", invoices, "pages/s", values, floor, peaks[case], note=note)


def store(invoices: int, folder: str) -> None:
    """Draw each invoice into a file of its own."""
    for number in range(invoices):
        Path(folder, f"{number}.pdf").write_bytes(_render(number))


def draw(invoices: int, folder: str) -> dict[str, float]:
    """Draw invoices into one file; return pages per second."""
    return _join((_render(number) for number in range(invoices)), Path(folder, "all"))


def join(invoices: int, folder: str) -> dict[str, float]:
    """Join invoices that are already drawn into one file; return pages per second and sizes."""
    files = [Path(folder, f"{number}.pdf") for number in range(invoices)]
    rate = _join((file.read_bytes() for file in files), Path(folder, "all"))
    stored = sum(file.stat().st_size for file in files)
    return {**rate, "stored_kb": stored / invoices / 1000}


def _join(pdfs: Iterator[bytes], file: Path) -> dict[str, float]:
    from documents.papers.join import join_pdfs

    # A first page pays for what a process sets up only once.
    _render(0)
    begin = time.perf_counter()
    with file.open("wb") as opened:
        pages = join_pdfs(pdfs, opened)
    seconds = time.perf_counter() - begin
    return {"rate": pages / seconds, "kb": file.stat().st_size / pages / 1000}


def write_words(invoices: int) -> dict[str, float]:
    """Write the words of invoices on empty pages, one document each; return pages per second."""
    from pypdf import PdfReader
    from reportlab.pdfgen.canvas import Canvas

    words = PdfReader(BytesIO(_render(0))).pages[0].extract_text().splitlines()
    begin = time.perf_counter()
    for _ in range(invoices):
        canvas = Canvas(BytesIO(), pageCompression=1)
        for number, text in enumerate(words):
            canvas.setFont("Vera", 8)
            canvas.drawString(70, 800 - 10 * number, text)
        canvas.showPage()
        canvas.save()
    return {"rate": invoices / (time.perf_counter() - begin)}


def _render(number: int) -> bytes:
    from documents.papers.invoice import render_invoice
    from models.accounting.records import DocumentKind, PaperContent, PaperLine, TaxSum
    from models.tenants.records import SellerData

    price, count = Decimal("12.90"), Decimal(LINES)
    gross = price * count
    tax = (gross * 19 / 119).quantize(Decimal("0.01"))
    lines = [
        PaperLine(
            number=f"SKU-{number}-{line}",
            title=_words(number * LINES + line, 4),
            quantity=1,
            price=price,
            amount=price,
            tax_rate=Decimal(19),
        )
        for line in range(LINES)
    ]
    return render_invoice(
        PaperContent(
            kind=DocumentKind.invoice,
            label=f"RE-2026-{number + 1:05}",
            issued_on=date(2026, 11, 22),
            language="de",
            currency="EUR",
            seller=SellerData(
                name="Sonnenhof Keramik GmbH",
                address=["Am Ölberg 3", "04109 Leipzig"],
                vat_id="DE123456789",
                footer=["IBAN DE02 1203 0000 0000 2020 51", "HRB 12345"],
            ),
            buyer=[_words(number, 2), f"{_words(number + 7, 1)}straße {number}", "80331 München"],
            order_number=f"1002-{number}",
            ordered_on=date(2026, 11, 18),
            delivered_from=date(2026, 11, 20),
            delivered_until=date(2026, 11, 20),
            lines=lines,
            shipping_amount=Decimal(0),
            fee_amount=Decimal(0),
            taxes=[TaxSum(rate=Decimal(19), net=gross - tax, tax=tax, gross=gross)],
            net=gross - tax,
            tax=tax,
            gross=gross,
        )
    )


def _words(seed: int, count: int) -> str:
    """Return words whose letters differ on each invoice, as those of names do."""
    letters = random.Random(seed)
    return " ".join("".join(letters.choices(string.ascii_letters + "äöüß", k=7)) for _ in range(count))
