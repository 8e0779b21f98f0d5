"""Logos: an uploaded picture becomes a small plain PNG for papers and mails."""

import warnings
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader

from models.errors import RuleError

LARGEST_FILE = 5_000_000
"""Bytes."""
MOST_PIXELS = 25_000_000
LOGO_WIDTH, LOGO_HEIGHT = 70 * mm, 22 * mm
"""The largest printed size; the aspect ratio is kept."""
KEPT_PIXELS = (827, 260)
"""Pixels of the largest printed size at 300 dpi."""


def read_logo(data: bytes) -> bytes:
    """Return a PNG or JPEG file as a plain RGB PNG on white, with no more pixels than are printed.

    Raises: RuleError, for another format, a file or picture that is too large, or a damaged file.
    """
    if len(data) > LARGEST_FILE:
        raise RuleError(f"A logo's file has at most {LARGEST_FILE // 1_000_000} MB; this one is larger.")
    try:
        with warnings.catch_warnings():
            # Opening decompresses nothing yet; the size is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(BytesIO(data), formats=("PNG", "JPEG"))
        if picture.width * picture.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        plain = _flatten(ImageOps.exif_transpose(picture))
    except Image.DecompressionBombError:
        raise RuleError(f"A logo has at most {MOST_PIXELS // 1_000_000} million pixels.") from None
    # The kind of error that Pillow raises for a damaged file depends on the damage.
    except (OSError, ValueError, SyntaxError, LookupError, TypeError, OverflowError):
        raise RuleError("A logo is a PNG or JPEG file; this is none, or it is damaged.") from None
    file = BytesIO()
    plain.save(file, "PNG", optimize=True)
    return file.getvalue()


def _flatten(picture: Image.Image) -> Image.Image:
    """Return a picture as it looks on white paper, scaled down to `KEPT_PIXELS`."""
    if picture.mode.startswith("I"):
        # 16-bit greyscale; a direct conversion would turn everything but black into white.
        picture = picture.point(lambda value: value / 257).convert("L")
    see_through = "A" in picture.getbands() or "transparency" in picture.info
    picture = picture.convert("RGBA" if see_through else "RGB")
    scale = min(1.0, KEPT_PIXELS[0] / picture.width, KEPT_PIXELS[1] / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    plain = Image.new("RGB", size, "white")
    plain.paste(picture, mask=picture.getchannel("A") if see_through else None)
    return plain


@lru_cache(maxsize=8)
def open_logo(png: bytes) -> Any:
    """Return a picture for a canvas; it is decoded once for all papers that show it."""
    return ImageReader(BytesIO(png))


def logo_size(png: bytes, width: float = LOGO_WIDTH, height: float = LOGO_HEIGHT) -> tuple[float, float]:
    """Return the largest width and height of a picture within a room, keeping its aspect ratio."""
    pixels = open_logo(png).getSize()
    scale = min(width / pixels[0], height / pixels[1])
    return pixels[0] * scale, pixels[1] * scale
