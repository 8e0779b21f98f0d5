"""Address labels: eight on an A4 sheet (105 × 74 mm each), or one on a roll."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Image, KeepInFrame, Spacer

from documents.papers.frame import NO_LOGOS, new_canvas, paragraph, style
from documents.papers.logo import logo_size
from documents.papers.roll import barcode_with_number, draw_roll, line_across
from documents.text import mark
from documents.words import Words
from models.papers.records import AddressLabel, PaperFormat

COLUMNS, ROWS = 2, 4
LABEL_WIDTH, LABEL_HEIGHT = A4[0] / COLUMNS, A4[1] / ROWS
PADDING = 7 * mm
LABELS_OF_A_SHEET = COLUMNS * ROWS
ADDRESS_SIZES = (11.5, 10.5, 9.5, 9, 8.5, 8, 7.5, 7, 6)


def render_label(
    label: AddressLabel, logos: Mapping[str, bytes] = NO_LOGOS, form: PaperFormat = PaperFormat.a4
) -> bytes:
    """Return the PDF of one label; on A4 it is at the top left."""
    if form is PaperFormat.a4:
        return render_label_sheets([label], logos)
    title = Words(label.language).say(mark("Address label"))
    story = [*_address(label, logos, ADDRESS_SIZES[0]), *barcode_with_number(label.order_number)]
    return draw_roll(story, title=title, author=label.seller.name, language=label.language)


def render_label_sheets(labels: Sequence[AddressLabel], logos: Mapping[str, bytes] = NO_LOGOS) -> bytes:
    """Return the PDF of at least one label, side by side on as many A4 sheets as needed."""
    file = BytesIO()
    words = Words(labels[0].language)
    canvas = new_canvas(file, A4, words.say(mark("Address label")), labels[0].seller.name, words.language)
    for number, label in enumerate(labels):
        place = number % LABELS_OF_A_SHEET
        if number and place == 0:
            canvas.showPage()
        row, column = divmod(place, COLUMNS)
        left, bottom = column * LABEL_WIDTH + PADDING, A4[1] - (row + 1) * LABEL_HEIGHT + PADDING
        width, height = LABEL_WIDTH - 2 * PADDING, LABEL_HEIGHT - 2 * PADDING
        # A long address is set smaller; the barcode keeps its size, or scanners would fail.
        code = KeepInFrame(width, height, barcode_with_number(label.order_number, width, 10 * mm))
        _, taken = code.wrapOn(canvas, width, height)
        code.drawOn(canvas, left, bottom)
        for size in ADDRESS_SIZES:
            story = _address(label, logos, size)
            if sum(each.wrapOn(canvas, width, height)[1] for each in story) <= height - taken:
                break
        address = KeepInFrame(width, height - taken, story, mode="shrink")
        _, needed = address.wrapOn(canvas, width, height - taken)
        address.drawOn(canvas, left, bottom + height - needed)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _address(label: AddressLabel, logos: Mapping[str, bytes], size: float) -> list[Any]:
    seller = label.seller
    story: list[Any] = []
    if seller.logo:
        png = logos[seller.logo]
        story += [Image(BytesIO(png), *logo_size(png, 40 * mm, 9 * mm), hAlign="LEFT"), Spacer(1, 1 * mm)]
    story += [paragraph(" · ".join([seller.name, *seller.address]), style(6.5, grey=True)), *line_across()]
    story.append(Spacer(1, 1 * mm))
    story += [paragraph(line, style(size)) for line in label.to.lines]
    story += [
        paragraph(line, style(size, bold=True)) for line in Words(label.language).country(label.to.country)
    ]
    story.append(Spacer(1, 2 * mm))
    if label.further_numbers:
        text = f"{Words(label.language).say(mark('Together with'))} {', '.join(label.further_numbers)}"
        story += [paragraph(text, style(6.5)), Spacer(1, 1 * mm)]
    if label.shipping_method:
        story += [paragraph(label.shipping_method, style(8, bold=True)), Spacer(1, 1 * mm)]
    return story
