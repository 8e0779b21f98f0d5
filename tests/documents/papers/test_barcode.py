"""Bars that scanners can read, or none."""

import io

import pytest
from pypdf import PdfReader
from reportlab.lib.units import mm

from documents.papers.barcode import barcode
from documents.papers.render import render_paper
from documents.papers.roll import ROOM
from tests.support.sample_papers import THERMAL, label


def test_a_number_stands_in_bars_where_scanners_can_read_them() -> None:
    """Signs that are not ASCII, or too many for the room, leave the letters alone."""
    short, long = barcode("1002-33", ROOM), barcode("302-1234567-1234567", ROOM)
    assert short is not None
    assert long is not None
    assert [short.barWidth, long.barWidth] == [pytest.approx(0.375 * mm), pytest.approx(0.25 * mm)]
    assert [barcode(text, ROOM) for text in ("X" * 40, "Ü-1", "")] == [None, None, None]
    for number, has_bars in (("1002-33", True), ("Ü-1", False)):
        page = PdfReader(io.BytesIO(render_paper(label(order_number=number), form=THERMAL))).pages[0]
        contents = page.get_contents()
        assert contents is not None
        assert (contents.get_data().count(b" re f") >= 20) == has_bars
        assert number in page.extract_text()
