"""A logo's file becomes a small plain picture, or is refused with the reason."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from documents.papers.invoice import render_invoice
from documents.papers.logo import KEPT_PIXELS, LARGEST_FILE, read_logo
from models.errors import RuleError
from models.tenants.records import SellerData
from tests.documents.papers.test_invoice import make_content


def file_of(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def huge_png(width: int, height: int) -> bytes:
    """Return the begin of a PNG that claims to be as large as that."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (file_of(Image.new("RGBA", (40, 20), (255, 0, 0, 0))), (255, 255, 255)),
        (file_of(Image.new("RGBA", (40, 20), (255, 0, 0, 255))), (255, 0, 0)),
        (file_of(Image.new("LA", (40, 20), (0, 128))), (127, 127, 127)),
        (file_of(Image.new("P", (40, 20), 0), transparency=0), (255, 255, 255)),
        (file_of(Image.new("1", (40, 20), 1)), (255, 255, 255)),
        (file_of(Image.new("I;16", (40, 20), 32896)), (128, 128, 128)),
        (file_of(Image.new("L", (40, 20), 7), "JPEG"), (7, 7, 7)),
        (file_of(Image.new("CMYK", (40, 20), (0, 0, 0, 255)), "JPEG"), (0, 0, 0)),
    ],
)
def test_every_kind_of_picture_looks_as_on_white_paper(data: bytes, colour: tuple[int, int, int]) -> None:
    """Transparency, palettes, greys of sixteen bits and inks become plain colours; the size stays."""
    picture = opened(read_logo(data))

    assert (picture.mode, picture.size, picture.format) == ("RGB", (40, 20), "PNG")
    assert picture.getpixel((3, 3)) == colour


def test_a_picture_is_kept_as_large_as_it_is_printed() -> None:
    """It keeps its shape, turned as the camera says, and has at least one pixel each way."""
    assert opened(read_logo(file_of(Image.new("RGB", (3000, 600))))).size == (827, 165)
    assert opened(read_logo(file_of(Image.new("RGB", (5000, 1))))).size == (KEPT_PIXELS[0], 1)
    turned = Image.Exif()
    turned[0x0112] = 6
    assert opened(read_logo(file_of(Image.new("RGB", (40, 20)), "JPEG", exif=turned))).size == (20, 40)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is a PNG or JPEG file"),
        (b"<svg/>", "is a PNG or JPEG file"),
        (file_of(Image.new("RGB", (9, 9)), "GIF"), "is a PNG or JPEG file"),
        (file_of(Image.effect_noise((99, 99), 50))[:3000], "damaged"),
        (file_of(Image.effect_noise((99, 99), 50), "JPEG")[:1500], "damaged"),
        (huge_png(100, 100), "damaged"),
        (huge_png(6000, 6000), "25 million pixels"),
        (huge_png(60_000, 60_000), "25 million pixels"),
        (bytes(LARGEST_FILE + 1), "at most 5 MB"),
    ],
)
def test_what_is_no_logo_is_refused(data: bytes, said: str) -> None:
    """Other files, damaged ones, and those that would fill the memory once unpacked."""
    with pytest.raises(RuleError, match=said):
        read_logo(data)


def test_an_invoice_bears_the_logo_that_it_names() -> None:
    """That one for ever, or none; a missing one is an error, not a paper without it."""
    red, blue = (read_logo(file_of(Image.new("RGB", (90, 30), name))) for name in ("red", "blue"))
    seller = SellerData(name="A", address=["B", "C"], logo="red")
    content = make_content(seller=seller)
    plain = render_invoice(make_content(seller=seller.model_copy(update={"logo": ""})))

    drawn = render_invoice(content, {"red": red, "blue": blue})
    assert drawn == render_invoice(content, {"red": red})
    assert drawn not in (plain, render_invoice(content, {"red": blue}))
    with pytest.raises(KeyError):
        render_invoice(content, {"blue": blue})
