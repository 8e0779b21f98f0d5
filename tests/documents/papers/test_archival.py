"""PDF/A-2b of issued documents: the rules of ISO 19005-2 that a file of ours could break."""

import io
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageCms
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, StreamObject

from documents.papers.archival import srgb_profile
from documents.papers.invoice import render_invoice
from documents.papers.logo import read_logo
from models.accounting.records import DocumentKind
from tests.documents.papers.test_invoice import SELLER, make_content

ODD = "Müller & Söhne <KG>"


@pytest.fixture(
    scope="module", params=["one page", "many pages", "with a logo", "a credit note", "odd names"]
)
def pdf(request: pytest.FixtureRequest) -> bytes:
    match request.param:
        case "many pages":
            return render_invoice(make_content(120))
        case "with a logo":
            file = io.BytesIO()
            Image.new("RGBA", (300, 100), (200, 30, 60, 128)).save(file, "PNG")
            seller = SELLER.model_copy(update={"logo": "abc"})
            return render_invoice(make_content(seller=seller), {"abc": read_logo(file.getvalue())})
        case "a credit note":
            return render_invoice(make_content(kind=DocumentKind.credit_note, corrects="RE-2026-00001"))
        case "odd names":
            return render_invoice(make_content(seller=SELLER.model_copy(update={"name": ODD})))
    return render_invoice(make_content())


def objects_of(reader: PdfReader) -> list[Any]:
    return [reader.get_object(number) for number in sorted(reader.xref[0])]


def test_it_says_which_standard_it_keeps_and_the_same_of_itself_twice(pdf: bytes) -> None:
    reader = PdfReader(io.BytesIO(pdf))
    stream = reader.root_object["/Metadata"]
    assert isinstance(stream, StreamObject)
    assert "/Filter" not in stream
    tree = ElementTree.fromstring(stream.get_data())
    said = {element.tag.rpartition("}")[2]: "".join(element.itertext()).strip() for element in tree.iter()}
    info = reader.metadata
    assert info is not None
    assert (said["part"], said["conformance"]) == ("2", "B")
    assert (said["title"], said["creator"]) == (info.title, info.author)
    assert (said["CreatorTool"], said["Producer"]) == (info.creator, info.producer)
    assert set(info) == {"/Title", "/Author", "/Creator", "/Producer"}


def test_all_fonts_are_in_it_whole_enough_for_each_letter(pdf: bytes) -> None:
    fonts = [
        value
        for value in objects_of(PdfReader(io.BytesIO(pdf)))
        if isinstance(value, DictionaryObject) and value.get("/Type") == "/Font"
    ]
    assert {str(font["/BaseFont"]).partition("+")[2] for font in fonts} == {
        "BitstreamVeraSans-Roman",
        "BitstreamVeraSans-Bold",
    }
    for font in fonts:
        descriptor: Any = font["/FontDescriptor"]
        assert "/FontFile2" in descriptor
        # Symbolic, as reportlab's subsets are: then no encoding may be named.
        assert descriptor["/Flags"] & 4
        assert "/Encoding" not in font


def test_its_colours_mean_something_and_nothing_shines_through(pdf: bytes) -> None:
    reader = PdfReader(io.BytesIO(pdf))
    intents: Any = reader.root_object["/OutputIntents"]
    (intent,) = intents
    assert intent["/S"] == "/GTS_PDFA1"
    assert intent["/DestOutputProfile"].get_object().get_data() == srgb_profile()
    for value in objects_of(reader):
        if isinstance(value, DictionaryObject):
            assert not {"/SMask", "/Mask", "/CA", "/ca", "/Group", "/JS", "/AA", "/OpenAction"} & set(value)
            assert value.get("/ColorSpace", "/DeviceRGB") in ("/DeviceRGB", "/DeviceGray")
            assert not value.get("/Interpolate")
    assert "/Encrypt" not in reader.trailer


def test_it_is_written_as_the_standard_wants_it(pdf: bytes) -> None:
    """6.1.2, 6.1.3, 6.1.7.1: header, a mark of binary content, an ID, and a line of its own for each end."""
    assert re.match(rb"%PDF-1\.7\n%[\x80-\xff]{4}", pdf)
    assert b"/ID" in pdf[pdf.rindex(b"trailer") :]
    ends = [match.start() for match in re.finditer(rb"\bendstream\b", pdf)]
    assert ends
    assert all(pdf[place - 1 : place] == b"\n" for place in ends)
    for value in objects_of(PdfReader(io.BytesIO(pdf))):
        if isinstance(value, StreamObject):
            assert "LZW" not in str(value.get("/Filter", ""))
            assert "/F" not in value


def test_the_profile_is_srgb() -> None:
    """Colours taken through it and through another sRGB profile stay as they were."""
    ours = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    colours = bytes((number * step) % 256 for number in range(4096) for step in (37, 91, 151))
    picture = Image.frombytes("RGB", (64, 64), colours)

    turned = ImageCms.profileToProfile(picture, ours, ImageCms.createProfile("sRGB"))

    assert turned is not None
    assert max(abs(a - b) for a, b in zip(turned.tobytes(), colours, strict=True)) <= 1
