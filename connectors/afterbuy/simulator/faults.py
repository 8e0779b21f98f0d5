"""Bad days: what the simulator does to single calls on demand."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Any, Literal

from connectors.afterbuy.simulator.sample.malformed import BOMBS, ENCODINGS

Kind = Literal[
    "refuse_login",
    "throttle",
    "status",
    "html_page",
    "slow",
    "timeout",
    "cut_body",
    "reset_before",
    "reset_after",
    "same_page",
    "out_of_order",
    "error",
    "oversized",
    "invalid_characters",
    "entity_bomb",
    "nul",
    "bad_encoding",
    "nonsense_record",
    "repeated_record",
    "deep_nesting",
]


READS = "Get"
"""How the names of calls begin that change nothing."""


@dataclass(frozen=True)
class Fault:
    """One bad day; made by the methods below, each of which says whether the call takes effect."""

    kind: Kind
    seconds: float = 0
    code: int = 0
    status: str = "Error"
    at_byte: int = 0
    size: int = 0
    takes_effect: bool = True
    reads_only: bool = False
    honest_length: bool = False
    form: str = ""
    field: str = ""
    value: str = ""
    times: int = 0

    @classmethod
    def refuse_login(cls, code: int | None = None) -> "Fault":
        """Answer as to wrong credentials; without a code, with that of the switches. No effect."""
        return cls("refuse_login", code=code or 0, takes_effect=False)

    @classmethod
    def throttle(cls, retry_after: int | None = None) -> "Fault":
        """Answer 429, with Retry-After if given. No effect.

        Invented: how Afterbuy throttles is unknown (wire notes section 6).
        """
        return cls("throttle", seconds=-1 if retry_after is None else retry_after, takes_effect=False)

    @classmethod
    def http_status(cls, code: int = 503) -> "Fault":
        """Answer with this status and an HTML body. No effect."""
        return cls("status", code=code, takes_effect=False)

    @classmethod
    def html_page(cls) -> "Fault":
        """Answer 200 with an HTML page of an outage. No effect."""
        return cls("html_page", takes_effect=False)

    @classmethod
    def slow(cls, seconds: float) -> "Fault":
        """Answer as usual, but late. Takes effect at once."""
        return cls("slow", seconds=seconds)

    @classmethod
    def timeout(cls, seconds: float, *, after_effect: bool = False) -> "Fault":
        """Keep silent for this long, then close; `after_effect` decides whether the call was carried out."""
        return cls("timeout", seconds=seconds, takes_effect=after_effect)

    @classmethod
    def cut_body(cls, at_byte: int, *, honest_length: bool = False) -> "Fault":
        """Send the first bytes of the body only. Takes effect.

        The connection ends in the middle; with `honest_length` HTTP looks complete and the XML is not.
        """
        return cls("cut_body", at_byte=at_byte, honest_length=honest_length)

    @classmethod
    def reset_before(cls) -> "Fault":
        """Reset the connection instead of acting. No effect."""
        return cls("reset_before", takes_effect=False)

    @classmethod
    def reset_after(cls) -> "Fault":
        """Act, then reset the connection instead of answering: the lost reply. Takes effect."""
        return cls("reset_after")

    @classmethod
    def same_page(cls) -> "Fault":
        """Answer with the last page of what is asked for once more. No effect.

        It waits for a call that reads, and of which a page was answered: nobody could tell a write that was
        said to have worked and did not, or that the first page is one of another question.
        """
        return cls("same_page", takes_effect=False, reads_only=True)

    @classmethod
    def out_of_order(cls) -> "Fault":
        """Answer the page's records in reverse; cursor and flags stay those of the page. Takes effect."""
        return cls("out_of_order")

    @classmethod
    def error(cls, code: int, *, status: str = "Error") -> "Fault":
        """Answer with this error code, under another CallStatus if given. No effect."""
        return cls("error", code=code, status=status, takes_effect=False)

    @classmethod
    def oversized(cls, size: int = 200_000_000, form: str = "length") -> "Fault":
        """Answer with a well-formed body of at least this many bytes. Takes effect.

        Its `form` is "length" (told before), "chunked" (not told) or "gzip" (a thousandth on the way).
        """
        if form not in ("length", "chunked", "gzip"):
            raise ValueError(f"no form {form!r}")
        return cls("oversized", size=size, form=form)

    @classmethod
    def invalid_characters(cls) -> "Fault":
        """Put characters that XML 1.0 forbids into texts of the answer. Takes effect."""
        return cls("invalid_characters")

    @classmethod
    def nul(cls) -> "Fault":
        """Put NUL into texts of the answer, as itself and by its number. Takes effect."""
        return cls("nul")

    @classmethod
    def entity_bomb(cls, form: str = "nested") -> "Fault":
        """Answer with a document whose entities grow without end, by a form of BOMBS. Takes effect."""
        if form not in BOMBS:
            raise ValueError(f"no form {form!r}")
        return cls("entity_bomb", form=form)

    @classmethod
    def bad_encoding(cls, form: str = "broken") -> "Fault":
        """Answer in another encoding, or in broken UTF-8, by a form of ENCODINGS. Takes effect."""
        if form not in ENCODINGS:
            raise ValueError(f"no form {form!r}")
        return cls("bad_encoding", form=form)

    @classmethod
    def nonsense_record(cls, field: str = "ItemPrice", value: str = "9" * 300, place: int = 1) -> "Fault":
        """Put a value, markup and all, into the `place`-th element of a name, if there is one. Takes effect.

        NONSENSE lists what may be given; the record that holds the element has to be set aside or saved, and
        its neighbours to be saved.
        """
        return cls("nonsense_record", field=field, value=value, times=place)

    @classmethod
    def repeated_record(cls, times: int = 100_000, field: str = "SoldItem") -> "Fault":
        """Repeat the first element of a name; lines of an order get ItemIDs of their own. Takes effect."""
        return cls("repeated_record", field=field, times=times)

    @classmethod
    def deep_nesting(cls, levels: int = 100_000) -> "Fault":
        """Answer with elements within each other. Takes effect."""
        return cls("deep_nesting", times=levels)


MAKERS: dict[str, Callable[..., Fault]] = {
    "refuse_login": Fault.refuse_login,
    "throttle": Fault.throttle,
    "status": Fault.http_status,
    "html_page": Fault.html_page,
    "slow": Fault.slow,
    "timeout": Fault.timeout,
    "cut_body": Fault.cut_body,
    "reset_before": Fault.reset_before,
    "reset_after": Fault.reset_after,
    "same_page": Fault.same_page,
    "out_of_order": Fault.out_of_order,
    "error": Fault.error,
    "oversized": Fault.oversized,
    "invalid_characters": Fault.invalid_characters,
    "entity_bomb": Fault.entity_bomb,
    "nul": Fault.nul,
    "bad_encoding": Fault.bad_encoding,
    "nonsense_record": Fault.nonsense_record,
    "repeated_record": Fault.repeated_record,
    "deep_nesting": Fault.deep_nesting,
}


def make_fault(kind: str, **values: Any) -> Fault:
    """Make a fault by the name of its kind, as the control face is told.

    Raises: ValueError, if there is no such kind; TypeError, if it takes no such value.
    """
    if kind not in MAKERS:
        raise ValueError(f"no fault named {kind!r}")
    return MAKERS[kind](**values)


class Faults:
    """A queue of bad days; each call takes the first that is meant for it."""

    def __init__(self) -> None:
        """Start with good days."""
        self._lock = RLock()
        self._queue: deque[tuple[str | None, Fault]] = deque()
        self.delivered: Counter[str] = Counter()
        """How many were delivered, by kind."""

    def add(self, fault: Fault, call: str | None = None, times: int = 1) -> None:
        """Queue a fault for the next calls of this name, or of any."""
        with self._lock:
            self._queue.extend([(call, fault)] * times)

    def take(self, call: str, *, again: bool = True) -> Fault | None:
        """Take the fault that is next for this call, if any; `again` tells whether a page can come again."""
        with self._lock:
            for place, (wanted, fault) in enumerate(self._queue):
                if wanted in (None, call) and ((call.startswith(READS) and again) or not fault.reads_only):
                    del self._queue[place]
                    self.delivered[fault.kind] += 1
                    return fault
            return None

    def clear(self) -> None:
        """Forget what is queued; what was delivered stays counted."""
        with self._lock:
            self._queue.clear()

    @property
    def pending(self) -> int:
        """Return how many are queued."""
        return len(self._queue)


OUTAGE_PAGE = (
    "<!DOCTYPE html>\r\n<html><head><title>Wartungsarbeiten</title></head>\r\n"
    "<body><h1>Wartungsarbeiten</h1><p>Bitte versuchen Sie es später<br>noch einmal.</p></body></html>"
)
