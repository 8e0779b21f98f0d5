"""PDF/A-2b (ISO 19005-2): a PDF that looks the same after the legal retention period.

Such a file must contain everything that it shows. Papers are drawn with embedded fonts and without
transparency; this module adds the colour profile, the metadata and the required file structure.
"""

import struct
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

SRGB = "sRGB IEC61966-2.1"
CURVE_POINTS = 256
PRIMARIES = {
    b"rXYZ": (0.4360747, 0.2225045, 0.0139322),
    b"gXYZ": (0.3850649, 0.7168786, 0.0971045),
    b"bXYZ": (0.1430804, 0.0606169, 0.7141733),
}
"""Red, green and blue of sRGB (IEC 61966-2-1) under the illuminant D50, which ICC profiles use."""
D50 = (0.9642, 1.0, 0.8249)


def make_archival(pdf: bytes) -> bytes:
    """Return a paper as PDF/A-2b; the same paper gives the same bytes."""
    writer = PdfWriter(clone_from=BytesIO(pdf))
    writer.pdf_header = "%PDF-1.7"
    properties: Mapping[str, Any] = writer.metadata or {}
    title, author = str(properties.get("/Title", "")), str(properties.get("/Author", ""))
    program = str(properties.get("/Producer", ""))
    # Only fields that XMP repeats: PDF/A requires both to be equal, dates included.
    writer.metadata = {"/Title": title, "/Author": author, "/Creator": program, "/Producer": program}
    writer.xmp_metadata = _describe(title, author, program).encode()
    profile = DecodedStreamObject()
    profile.set_data(srgb_profile())
    profile[NameObject("/N")] = NumberObject(3)
    intent = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/OutputIntent"),
            NameObject("/S"): NameObject("/GTS_PDFA1"),
            NameObject("/OutputConditionIdentifier"): TextStringObject(SRGB),
            NameObject("/DestOutputProfile"): writer._add_object(profile.flate_encode()),
        }
    )
    writer.root_object[NameObject("/OutputIntents")] = ArrayObject([intent])
    file = BytesIO()
    writer.write(file)
    return file.getvalue()


def _describe(title: str, author: str, program: str) -> str:
    """Return the XMP metadata: the same as in the document properties, and the PDF/A standard."""
    return (
        '<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"\n'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"\n'
        ' xmlns:pdf="http://ns.adobe.com/pdf/1.3/">\n'
        "<pdfaid:part>2</pdfaid:part>\n<pdfaid:conformance>B</pdfaid:conformance>\n"
        f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>\n'
        f"<dc:creator><rdf:Seq><rdf:li>{escape(author)}</rdf:li></rdf:Seq></dc:creator>\n"
        f"<xmp:CreatorTool>{escape(program)}</xmp:CreatorTool>\n"
        f"<pdf:Producer>{escape(program)}</pdf:Producer>\n"
        "</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="w"?>'
    )


@cache
def srgb_profile() -> bytes:
    """Return sRGB as an ICC profile (version 2.1, monitor); it defines the colours of papers."""
    curve = [_brightness(place / (CURVE_POINTS - 1)) for place in range(CURVE_POINTS)]
    shared = b"curv" + struct.pack(">4xI", CURVE_POINTS)
    shared += b"".join(struct.pack(">H", round(value * 65535)) for value in curve)
    name = SRGB.encode() + b"\0"
    described = b"desc" + struct.pack(">4xI", len(name)) + name + bytes(4 + 4 + 2 + 1 + 67)
    tags = {
        b"desc": described,
        b"cprt": b"text" + bytes(4) + b"No copyright\0",
        b"wtpt": _colour(D50),
        **{tag: _colour(colour) for tag, colour in PRIMARIES.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), shared),
    }
    begin = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    data = b""
    for content in tags.values():
        if content not in places:
            places[content] = begin + len(data)
            data += content + bytes(-len(content) % 4)
    table = b"".join(tag + struct.pack(">II", places[content], len(content)) for tag, content in tags.items())
    header = struct.pack(
        ">I4xI4s4s4s6H4s28x3i48x",
        begin + len(data),
        0x02100000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        *(2026, 1, 1, 0, 0, 0),
        b"acsp",
        *(round(value * 65536) for value in D50),
    )
    return header + struct.pack(">I", len(tags)) + table + data


def _colour(colour: tuple[float, float, float]) -> bytes:
    return b"XYZ " + struct.pack(">4x3i", *(round(value * 65536) for value in colour))


def _brightness(value: float) -> float:
    """Return the brightness of a signal, both from 0 to 1 (IEC 61966-2-1)."""
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
