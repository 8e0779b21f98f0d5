"""Code 128 of an order's number, in bars that a thermal printer of 203 dpi can print evenly."""

from typing import Any

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.units import mm

BARS = (0.375 * mm, 0.25 * mm)
"""How wide the thinnest bar may be: three or two dots."""
QUIET_BARS = 10


def barcode(text: str, room: float, height: float = 12 * mm) -> Any | None:
    """Return a text in bars with blank sides, no wider than the room.

    None, if it holds signs that are not ASCII, or would need finer bars: then its letters have to do.
    """
    if not text or not text.isascii() or not text.isprintable():
        return None
    for bar in BARS:
        quiet = QUIET_BARS * bar
        code = Code128(text, barWidth=bar, barHeight=height, lquiet=quiet, rquiet=quiet)
        if code.width <= room:
            return code
    return None
