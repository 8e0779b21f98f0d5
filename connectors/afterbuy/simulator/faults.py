"""Faults: what the simulator does to single calls on demand."""

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
"""Names of calls that change nothing begin with this."""


@dataclass(frozen=True)
class Fault:
    """One fault, made by the constructors below; each says whether the call is executed all the same."""

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
    """How often, how deep, or at which place, as the kind needs it."""

    @classmethod
    def refuse_login(cls, code: int | None = None) -> "Fault":
        """Answer as for wrong credentials; by default with the switches' code. Not executed."""
        return cls("refuse_login", code=code or 0, takes_effect=False)

    @classmethod
    def throttle(cls, retry_after: int | None = None) -> "Fault":
        """Answer 429, with Retry-After if given. Not executed.

        Invented: how Afterbuy throttles is unknown (wire notes section 6).
        """
        return cls("throttle", seconds=-1 if retry_after is None else retry_after, takes_effect=False)

    @classmethod
    def http_status(cls, code: int = 503) -> "Fault":
        """Answer with this status and an HTML body. Not executed."""
        return cls("status", code=code, takes_effect=False)

    @classmethod
    def html_page(cls) -> "Fault":
        """Answer 200 with an HTML page about an outage. Not executed."""
        return cls("html_page", takes_effect=False)

    @classmethod
    def slow(cls, seconds: float) -> "Fault":
        """Answer normally, but late. Executed at once."""
        return cls("slow", seconds=seconds)

    @classmethod
    def timeout(cls, seconds: float, *, after_effect: bool = False) -> "Fault":
        """Send nothing for this long, then close. Executed only if `after_effect`."""
        return cls("timeout", seconds=seconds, takes_effect=after_effect)

    @classmethod
    def cut_body(cls, at_byte: int, *, honest_length: bool = False) -> "Fault":
        """Send only the first bytes of the body. Executed.

        The connection breaks off; with `honest_length` HTTP looks complete, but the XML is not.
        """
        return cls("cut_body", at_byte=at_byte, honest_length=honest_length)

    @classmethod
    def reset_before(cls) -> "Fault":
        """Reset the connection. Not executed."""
        return cls("reset_before", takes_effect=False)

    @classmethod
    def reset_after(cls) -> "Fault":
        """Execute the call, then reset the connection instead of answering: a lost reply. Executed."""
        return cls("reset_after")

    @classmethod
    def same_page(cls) -> "Fault":
        """Send the last page of the same query again. Not executed.

        It waits for a read of a query that was answered before: a first page cannot be a repetition. Writes
        never get it: that a reported success did not happen could not be found out.
        """
        return cls("same_page", takes_effect=False, reads_only=True)

    @classmethod
    def out_of_order(cls) -> "Fault":
        """Send the page's records in reverse order, with unchanged cursor and flags. Executed."""
        return cls("out_of_order")

    @classmethod
    def error(cls, code: int, *, status: str = "Error") -> "Fault":
        """Answer with this error code, under another CallStatus if given. Not executed."""
        return cls("error", code=code, status=status, takes_effect=False)

    @classmethod
    def oversized(cls, size: int = 200_000_000, form: str = "length") -> "Fault":
        """Answer with a well-formed body of at least this many bytes. Executed.

        `form` is "length" (size announced), "chunked" (size unknown) or "gzip" (a thousandth when
        compressed).
        """
        if form not in ("length", "chunked", "gzip"):
            raise ValueError(f"no form {form!r}")
        return cls("oversized", size=size, form=form)

    @classmethod
    def invalid_characters(cls) -> "Fault":
        """Put characters that XML 1.0 forbids into texts of the answer. Executed."""
        return cls("invalid_characters")

    @classmethod
    def nul(cls) -> "Fault":
        """Put NUL into texts of the answer, raw and as a character reference. Executed."""
        return cls("nul")

    @classmethod
    def entity_bomb(cls, form: str = "nested") -> "Fault":
        """Answer with a document whose entities expand without limit; `form` is a key of BOMBS. Executed."""
        if form not in BOMBS:
            raise ValueError(f"no form {form!r}")
        return cls("entity_bomb", form=form)

    @classmethod
    def bad_encoding(cls, form: str = "broken") -> "Fault":
        """Answer in a wrong encoding or in broken UTF-8; `form` is a key of ENCODINGS. Executed."""
        if form not in ENCODINGS:
            raise ValueError(f"no form {form!r}")
        return cls("bad_encoding", form=form)

    @classmethod
    def nonsense_record(cls, field: str = "ItemPrice", value: str = "9" * 300, place: int = 1) -> "Fault":
        """Put a raw value into the `place`-th element with this name, if there is one. Executed.

        `sample.malformed.NONSENSE` lists possible values. The client has to reject or save the record with
        this element, and to save all others.
        """
        return cls("nonsense_record", field=field, value=value, times=place)

    @classmethod
    def repeated_record(cls, times: int = 100_000, field: str = "SoldItem") -> "Fault":
        """Repeat the first element with this name; lines of an order get different ItemIDs. Executed."""
        return cls("repeated_record", field=field, times=times)

    @classmethod
    def deep_nesting(cls, levels: int = 100_000) -> "Fault":
        """Answer with deeply nested elements. Executed."""
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
    """Return a fault by the name of its kind, as the control interface gets it.

    Raises: ValueError, for an unknown kind; TypeError, for an unknown value.
    """
    if kind not in MAKERS:
        raise ValueError(f"no fault named {kind!r}")
    return MAKERS[kind](**values)


class Faults:
    """A queue of faults; each call takes the first one meant for it."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = RLock()
        self._queue: deque[tuple[str | None, Fault]] = deque()
        self.delivered: Counter[str] = Counter()
        """Number of delivered faults by kind."""

    def add(self, fault: Fault, call: str | None = None, times: int = 1) -> None:
        """Queue a fault for the next calls with this name; without a name, for any calls."""
        with self._lock:
            self._queue.extend([(call, fault)] * times)

    def take(self, call: str, *, again: bool = True) -> Fault | None:
        """Return and remove the next fault for this call.

        If `again` is false, no page of this query was sent before, and faults that repeat one stay queued.
        """
        with self._lock:
            for place, (wanted, fault) in enumerate(self._queue):
                if wanted in (None, call) and ((call.startswith(READS) and again) or not fault.reads_only):
                    del self._queue[place]
                    self.delivered[fault.kind] += 1
                    return fault
            return None

    def clear(self) -> None:
        """Remove queued faults; the count of delivered ones stays."""
        with self._lock:
            self._queue.clear()

    @property
    def pending(self) -> int:
        """Return the number of queued faults."""
        return len(self._queue)


OUTAGE_PAGE = (
    "<!DOCTYPE html>\r\n<html><head><title>Wartungsarbeiten</title></head>\r\n"
    "<body><h1>Wartungsarbeiten</h1><p>Bitte versuchen Sie es später<br>noch einmal.</p></body></html>"
)
