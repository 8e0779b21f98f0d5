"""Join PDFs into one file, one after the other: of all of them only the places of their objects are kept."""

import hashlib
from collections.abc import Iterable
from io import BytesIO
from typing import Any, BinaryIO

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, NumberObject

ROOT, PAGES = 1, 2


def join_pdfs(pdfs: Iterable[bytes], file: BinaryIO) -> int:
    """Write the pages of all PDFs into a file that is open for writing; return how many there are.

    Nothing is drawn anew: each page shows what it showed. Objects that are the same in several of them, such
    as a logo, are written once. A further page costs some hundred bytes of memory. The same PDFs give the
    same bytes.
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
        """Numbers of objects by the hash of what they hold."""
        self.last = PAGES
        self.size = 0
        self.hash = hashlib.sha256()
        self._write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def add(self, reader: PdfReader) -> None:
        """Write the pages of a PDF with all that they need."""
        copy = _Copy(self, reader)
        for page in reader.pages:
            plain = DictionaryObject({key: value for key, value in page.items() if key != "/Parent"})
            copy.renumber(plain)
            plain[NameObject("/Parent")] = IndirectObject(PAGES, 0, None)
            self.pages.append(self.write_object(plain))

    def end(self) -> None:
        """Write what leads to the pages."""
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
        """Return the number of an object that is written later."""
        self.last += 1
        return self.last

    def write_object(self, value: Any, number: int | None = None) -> int:
        """Write an object, unless no number is asked for and it is there already; return its number."""
        body = BytesIO()
        value.write_to_stream(body)
        digest = hashlib.sha256(body.getvalue()).digest()
        # Pages stay apart, also blank ones.
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
    """Numbers that the objects of one PDF have in the joined one; each is written when it is first met."""

    def __init__(self, joined: _Joined, reader: PdfReader) -> None:
        self.joined = joined
        self.reader = reader
        self.numbers: dict[int, int] = {}
        self.begun: dict[int, int | None] = {}

    def renumber(self, value: Any) -> None:
        """Let all references within a value point into the joined file."""
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
            # It refers to itself by way of others: its number is needed before it is written.
            self.begun[old] = self.begun[old] or self.joined.reserve()
            return self.begun[old] or 0
        self.begun[old] = None
        value = self.reader.get_object(old)
        if isinstance(value, dict | list):
            self.renumber(value)
        self.numbers[old] = self.joined.write_object(value, self.begun.pop(old))
        return self.numbers[old]
