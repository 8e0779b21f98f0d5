"""Malformed answers that no server should send, made from a valid one."""

import re
import zlib
from collections.abc import Callable, Iterator

_NESTED = '<!ENTITY a0 "wachsend">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


def _answer(result: str) -> str:
    head = "<CallStatus>Success</CallStatus><CallName>x</CallName>"
    return f"<Afterbuy>{head}<Result>{result}</Result></Afterbuy>"


def _declared(entities: str, result: str) -> str:
    return f"<!DOCTYPE Afterbuy [{entities}]>{_answer(result)}"


BOMBS = {
    "nested": _declared(_NESTED, "&a9;"),
    "quadratic": _declared(f'<!ENTITY a "{"wachsend" * 10_000}">', "&a;" * 10_000),
    "attribute": _declared(_NESTED, '<a x="&a9;"/>'),
    "parameter": _declared("<!ENTITY % a \"<!ENTITY b SYSTEM 'file:///etc/passwd'>\">%a;", "&b;"),
    "external": f'<!DOCTYPE Afterbuy SYSTEM "http://127.0.0.1:9/bomb.dtd">{_answer("")}',
    "hidden": f"<!--{' ' * 10_000}-->{_declared(_NESTED, '&a9;')}",
}
"""Documents whose entities expand without limit or refer to outside files, by name."""

ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "broken": lambda text: text.encode().replace(b"<![CDATA[", b"<![CDATA[\xff\xc3\x28\xed\xa0\x80"),
    "utf-16": lambda text: text.replace('"utf-8"', '"utf-16"').encode("utf-16"),
    "utf-7": lambda text: text.replace('"utf-8"', '"utf-7"').encode("utf-7"),
    "ebcdic": lambda text: text.replace('"utf-8"', '"cp037"').encode("cp037", "replace"),
    "mislabelled": lambda text: text.replace('"utf-8"', '"utf-16"').encode(),
    "western": lambda text: text.encode("cp1252", "replace"),
}
"""Functions that return an answer's bytes in a wrong encoding, by name."""

NONSENSE = [
    ("OrderID", "9" * 300),
    ("OrderID", "x" * 10_000),
    ("OrderID", "1\u202e&#10;2"),
    ("ItemID", "9" * 300),
    ("ItemQuantity", "-1"),
    ("ItemQuantity", "1000000000000"),
    ("ItemQuantity", "0,5"),
    ("ItemPrice", "9" * 300),
    ("ItemPrice", "NaN"),
    ("ItemPrice", "1E400"),
    ("FullAmount", "Infinity"),
    ("FullAmount", "0,00001"),
    ("OrderDate", "31.12.9999 23:59:59"),
    ("OrderDate", "9999-12-31T23:59:59-12:00"),
    ("OrderDate", "00.00.0000 00:00:00"),
    ("PaymentDate", "31.12.9999 23:59:59"),
    ("Mail", "x" * 10_000),
    ("ProductID", "9" * 300),
    ("Name", "<a>" * 200 + "</a>" * 200),
    ("Quantity", "9" * 300),
    ("SellingPrice", "NaN"),
    ("Weight", "1E40"),
    ("ModDate", "31.12.9999 23:59:59"),
]
"""Elements, and unexpected values for them."""


def with_nonsense(text: str, field: str, value: str, place: int) -> str:
    """Return an answer with a raw value in the `place`-th element of this name."""
    element = re.compile(rf"<({field})(?: ?/>|>.*?</{field}>)", re.DOTALL)
    found = next((one for number, one in enumerate(element.finditer(text), 1) if number == place), None)
    if found is None:
        return text
    return f"{text[: found.start()]}<{field}>{value}</{field}>{text[found.end() :]}"


def with_repeats(text: str, name: str, times: int) -> str:
    """Return an answer that repeats the first element of this name; ItemIDs are counted up."""
    start, end = text.find(f"<{name}>"), text.find(f"</{name}>")
    if start < 0 or end < 0:
        return text
    end += len(f"</{name}>")
    before, after = text[start:end], ""
    if name == "SoldItem" and "<ItemID>" in before:
        before, _, rest = before.partition("<ItemID>")
        first, _, after = rest.partition("</ItemID>")
        repeats = (f"{before}<ItemID>{int(first) + number}</ItemID>{after}" for number in range(times))
    else:
        repeats = (before for _ in range(times))
    return text[:start] + "".join(repeats) + text[end:]


def deep(levels: int) -> str:
    """Return an answer with this many nested levels."""
    return _answer("<a>" * levels + "</a>" * levels)


def flood(text: str, size: int) -> Iterator[bytes]:
    """Yield an answer padded with spaces before its last tag, to at least `size` bytes in all."""
    padding = b"\r\n" + b" " * 65_534
    start, tag, end = text.rpartition("</Afterbuy>")
    yield start.encode()
    for _ in range(-(-max(size - len(text), 0) // len(padding))):
        yield padding
    yield (tag + end).encode()


def zipped(chunks: Iterator[bytes]) -> bytes:
    """Return the chunks compressed with gzip; spaces shrink to a thousandth."""
    pack = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join([*(pack.compress(chunk) for chunk in chunks), pack.flush()])
