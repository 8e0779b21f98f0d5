"""Join PDFs into one file one after the other, keeping in memory only the positions of objects."""

import hashlib
from collections.abc import Iterable
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, NumberObject

from models.files import write_whole

ROOT, PAGES = 1, 2


def write_pdf(output: Path, pdfs: Iterable[bytes]) -> int:
    """Join PDFs into one file and return its number of pages; without a page no file is written.

    The file appears when it is complete, and only its owner can read it.
    Raises: RuleError, if it cannot be written.
    """
    parts = iter(pdfs)
    first = next(parts, None)
    if first is None:
        return 0
    with write_whole(output) as part, part.open("wb") as file:
        return join_pdfs(chain([first], parts), file)


def join_pdfs(pdfs: Iterable[bytes], file: BinaryIO) -> int:
    """Write the pages of all PDFs into an open file; return the number of pages.

    Pages are copied, not drawn again. Objects that occur in several PDFs, such as a logo, are written once.
    Each further page needs some hundred bytes of memory. The same PDFs give the same bytes.
    """
    joined = _Joined(file)
    for pdf in pdfs:
        joined.add(PdfReader(BytesIO(pdf)))
    joined.end()
    return len(joined.pages)


class _Joined:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.offsets: dict[int, int] = {}
        self.pages: list[int] = []
        self.known: dict[bytes, int] = {}
        """Object numbers by the hash of the object's content."""
        self.last = PAGES
        self.size = 0
        self.hash = hashlib.sha256()
        self._write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def add(self, reader: PdfReader) -> None:
        """Copy the pages of a PDF with all objects they use."""
        copy = _Copy(self, reader)
        for page in reader.pages:
            plain = DictionaryObject({key: value for key, value in page.items() if key != "/Parent"})
            copy.renumber(plain)
            plain[NameObject("/Parent")] = IndirectObject(PAGES, 0, None)
            self.pages.append(self.write_object(plain))

    def end(self) -> None:
        """Write page tree, catalogue and cross-reference table."""
        kids = ArrayObject(IndirectObject(number, 0, None) for number in self.pages)
        count = NumberObject(len(self.pages))
        tree = {NameObject("/Type"): NameObject("/Pages"), NameObject("/Count"): count}
        self.write_object(DictionaryObject({**tree, NameObject("/Kids"): kids}), PAGES)
        root = {NameObject("/Type"): NameObject("/Catalog")}
        pages = IndirectObject(PAGES, 0, None)
        self.write_object(DictionaryObject({**root, NameObject("/Pages"): pages}), ROOT)
        begin = self.size
        self._write(f"xref\n0 {self.last + 1}\n0000000000 65535 f \n".encode())
        for number in range(1, self.last + 1):
            self._write(f"{self.offsets[number]:010} 00000 n \n".encode())
        name = self.hash.hexdigest()[:32]
        trailer = f"<< /Size {self.last + 1} /Root {ROOT} 0 R /ID [<{name}> <{name}>] >>"
        self._write(f"trailer\n{trailer}\nstartxref\n{begin}\n%%EOF\n".encode())

    def reserve(self) -> int:
        """Return a number for an object that is written later."""
        self.last += 1
        return self.last

    def write_object(self, value: Any, number: int | None = None) -> int:
        """Write an object and return its number; without a given number, equal objects are written once."""
        body = BytesIO()
        value.write_to_stream(body)
        digest = hashlib.sha256(body.getvalue()).digest()
        # Equal pages, such as blank ones, stay separate.
        shared = number is None and value.get("/Type") != "/Page" if isinstance(value, dict) else False
        if shared and digest in self.known:
            return self.known[digest]
        if number is None:
            number = self.reserve()
        if shared:
            self.known[digest] = number
        self.offsets[number] = self.size
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body.getvalue()))
        return number

    def _write(self, data: bytes) -> None:
        self.file.write(data)
        self.hash.update(data)
        self.size += len(data)


class _Copy:
    """New numbers of one PDF's objects; an object is written when it is first referred to."""

    def __init__(self, joined: _Joined, reader: PdfReader) -> None:
        self.joined = joined
        self.reader = reader
        self.numbers: dict[int, int] = {}
        self.begun: dict[int, int | None] = {}

    def renumber(self, value: Any) -> None:
        """Change all references in a value to numbers of the joined file."""
        items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for key, item in items:
            if isinstance(item, IndirectObject):
                value[key] = IndirectObject(self._number_of(item.idnum), 0, None)
            elif isinstance(item, dict | list):
                self.renumber(item)

    def _number_of(self, old: int) -> int:
        if old in self.numbers:
            return self.numbers[old]
        if old in self.begun:
            # The object refers to itself through others, so its number is needed before it is written.
            self.begun[old] = self.begun[old] or self.joined.reserve()
            return self.begun[old] or 0
        self.begun[old] = None
        value = self.reader.get_object(old)
        if isinstance(value, dict | list):
            self.renumber(value)
        self.numbers[old] = self.joined.write_object(value, self.begun.pop(old))
        return self.numbers[old]
