"""PDFs joined into one file show what they showed, in few bytes, and memory stays flat."""

import io
import tracemalloc
from collections.abc import Iterator

from PIL import Image
from pypdf import PdfReader, PdfWriter

from documents.papers.invoice import render_invoice
from documents.papers.join import join_pdfs
from documents.papers.logo import read_logo
from models.tenants.records import SellerData
from tests.documents.papers.test_invoice import make_content


def joined(*pdfs: bytes) -> bytes:
    file = io.BytesIO()
    join_pdfs(pdfs, file)
    return file.getvalue()


def texts(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf), strict=True).pages]


def test_each_page_shows_what_it_showed() -> None:
    """In their order, with a paper of several pages in between; the same PDFs give the same bytes."""
    pdfs = [
        render_invoice(make_content(1, label="RE-2026-00001")),
        render_invoice(make_content(60, label="RE-2026-00002")),
        render_invoice(make_content(1, label="RE-2026-00001")),
    ]
    together = joined(*pdfs)

    assert texts(together) == [text for pdf in pdfs for text in texts(pdf)]
    assert joined(*pdfs) == together
    boxes = [page.mediabox for page in PdfReader(io.BytesIO(together)).pages]
    assert boxes == [page.mediabox for pdf in pdfs for page in PdfReader(io.BytesIO(pdf)).pages]


def test_what_is_the_same_is_written_once() -> None:
    """A logo on each of twenty invoices takes its room once."""
    file = io.BytesIO()
    Image.effect_noise((600, 200), 80).save(file, "PNG")
    png = read_logo(file.getvalue())
    seller = SellerData(name="A", address=["B"], logo="x")
    pdfs = [render_invoice(make_content(1, label=f"RE-{n}", seller=seller), {"x": png}) for n in range(20)]
    together = joined(*pdfs)

    assert len(together) < sum(map(len, pdfs)) / 4
    pictures = [page.images[0].image for page in PdfReader(io.BytesIO(together)).pages]
    assert all(picture is not None and picture.size == (600, 200) for picture in pictures)


def test_objects_that_refer_to_each_other_are_copied_once() -> None:
    """A page with a note that names its page: reading it never ends if one is careless."""
    writer = PdfWriter()
    from pypdf.annotations import Popup, Text

    page = writer.add_blank_page(100, 200)
    note = writer.add_annotation(0, Text(rect=(1, 1, 9, 9), text="note"))
    writer.add_annotation(0, Popup(rect=(1, 1, 9, 9), parent=note))
    assert page is not None
    file = io.BytesIO()
    writer.write(file)
    (copied,) = PdfReader(io.BytesIO(joined(file.getvalue())), strict=True).pages

    first, second = (note.get_object() for note in copied.annotations or [])
    assert first["/Contents"] == "note"
    assert second["/Parent"]["/Contents"] == "note"
    assert copied.mediabox.height == 200


def test_memory_does_not_grow_with_the_number_of_papers() -> None:
    """Three hundred more invoices take a fraction of what they hold."""
    pdf = render_invoice(make_content())

    def peak(count: int) -> int:
        def many() -> Iterator[bytes]:
            for number in range(count):
                yield pdf.replace(b"/Creator", b"/Cr%05d" % number)

        class Nowhere(io.RawIOBase):
            def write(self, data: object) -> int:
                return len(bytes(data))  # type: ignore[call-overload]

        tracemalloc.start()
        pages = join_pdfs(many(), Nowhere())  # type: ignore[arg-type]
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert pages == count
        return most

    peak(5)
    assert peak(350) - peak(50) < 300 * len(pdf) / 4
