"""Code 128 of an order number; its bars fit the dots of a thermal printer with 203 dpi."""

from typing import Any

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.units import mm

BARS = (0.375 * mm, 0.25 * mm)
"""Possible widths of the thinnest bar: three or two dots."""
QUIET_BARS = 10


def barcode(text: str, room: float, height: float = 12 * mm) -> Any | None:
    """Return a text as a barcode with quiet zones, no wider than `room`.

    None if the text has characters outside ASCII or would need thinner bars; then only its letters are
    printed.
    """
    if not text or not text.isascii() or not text.isprintable():
        return None
    for bar in BARS:
        quiet = QUIET_BARS * bar
        code = Code128(text, barWidth=bar, barHeight=height, lquiet=quiet, rquiet=quiet)
        if code.width <= room:
            return code
    return None
