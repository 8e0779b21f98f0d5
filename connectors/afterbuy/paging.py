"""Pages of records from Afterbuy: the records of one page, and the cursor to the next."""

import json
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any, TypeVar

from pydantic import ValidationError

from connectors.afterbuy import xml
from connectors.afterbuy.client import Answer
from connectors.afterbuy.mapping_orders import order_id_of
from connectors.afterbuy.values import value_class
from connectors.afterbuy.wire import Wire
from connectors.afterbuy.xml import Element
from connectors.errors import RecordError, RequestRefusedError, TransientError
from models.sync.records import RAW_LIMIT, RejectedData

MAX_RECORDS = 5_000
"""The most records that one answer may hold: twenty times the largest page that we ask for."""

AFTER = "after"
"""In a cursor: the last id of the page before."""
PAGE = "page"
"""In a cursor: the number of the page, or of the first id asked for."""
_MORE = {"Order": "HasMoreItems", "Product": "HasMoreProducts", "Catalog": "HasMoreCatalogs"}

Record = TypeVar("Record")
WireRecord = TypeVar("WireRecord", bound=Wire)


class PageReader:
    """Reads the records of a page one by one; `rejected` gets each record that cannot be used."""

    def __init__(self, kind: str, id_name: str) -> None:
        """Prepare for records of a kind, e.g. "order", with their id in an element, e.g. "OrderID"."""
        self._kind = kind
        self._id_name = id_name
        self.rejected: list[RejectedData] = []

    def read(
        self,
        elements: Iterable[Element],
        model: type[WireRecord],
        translate: Callable[[WireRecord], Record],
    ) -> list[Record]:
        """Return the usable records. Raises: RequestRefusedError, if there are more than MAX_RECORDS."""
        records: list[Record] = []
        for number, element in enumerate(elements):
            if number == MAX_RECORDS:
                raise RequestRefusedError(
                    f"Afterbuy sent more than {MAX_RECORDS} records of kind {self._kind} in one answer, "
                    f"whatever page size is asked for; ask its support, or read single ones by number."
                )
            try:
                records.append(translate(model.model_validate(xml.values_of(element))))
            except RecordError as error:
                self._reject(element, error.reason)
            except ValidationError as error:
                self._reject(element, _reason(error))
            except xml.TooDeepError as error:
                self._reject(element, str(error))
        return records

    def _reject(self, element: Element, reason: str) -> None:
        raw = xml.raw_of(element)[:RAW_LIMIT]
        item_ids = [xml.text_at(item, "ItemID") for item in xml.find_all(element, "SoldItems", "SoldItem")]
        named = xml.text_at(element, self._id_name)
        external_id = order_id_of("" if named == "0" else named, item_ids)
        if not external_id or len(external_id) > 80 or not external_id.isprintable():
            # Without a usable id the content names it, so that the same record stays one entry.
            external_id = f"unnamed-{sha256(raw.encode()).hexdigest()[:16]}"
        self.rejected.append(RejectedData(kind=self._kind, external_id=external_id, reason=reason, raw=raw))


def _reason(error: ValidationError) -> str:
    """Return the names of the fields, and what kind of value each holds, without showing the value."""
    sentences = []
    for fault in error.errors(include_url=False)[:5]:
        where = "/".join(str(part) for part in fault["loc"]) or "record"
        what = (
            str(fault["ctx"]["error"]) if fault["type"] == "value_error" and "ctx" in fault else fault["type"]
        )
        sentences.append(f"{where}: {what}, but {value_class(fault['input'])}")
    return "; ".join(sentences)


def read_cursor(cursor: str | None) -> dict[str, Any]:
    """Return what a cursor holds. Raises: RequestRefusedError, if this connector did not write it."""
    if cursor is None:
        return {}
    try:
        state = json.loads(cursor)
    except ValueError:
        state = None
    if not isinstance(state, dict) or not all(type(value) is int for value in state.values()):
        raise RequestRefusedError("The cursor is none of this connector; start again without it.")
    return state


def write_cursor(state: dict[str, Any] | None) -> str | None:
    """Return the cursor for a state; None, the end, stays None."""
    return None if state is None else json.dumps(state, sort_keys=True)


def chunk_of(
    ids: Sequence[str], state: dict[str, Any], size: int
) -> tuple[Sequence[str], dict[str, Any] | None]:
    """Return the ids of this page, at most `size`, and the state of the next page, None after the last."""
    start = int(state.get(PAGE, 0))
    more = start + size < len(ids)
    return ids[start : start + size], ({PAGE: start + size} if more else None)


def next_state(
    answer: Answer, elements: Sequence[Element], record: str, page_size: int, state: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the state of the next page, None at the end.

    If the LastOrderID is missing, or above every id of the page, the highest id of the page counts instead,
    so that nothing is skipped unseen.
    Raises: TransientError, if Afterbuy says that there is more and the cursor does not rise: the same page
    would come for ever, and to end there would lose the rest.
    """
    more = xml.text_at(answer.result, _MORE[record])
    has_more = len(elements) >= page_size > 0 if more == "" else more.lower() not in ("0", "false")
    if not has_more or not elements:
        return None
    id_name = f"{record}ID"
    after = int(state.get(AFTER, 0))
    last = number_of(xml.text_at(answer.result, f"Last{id_name}"))
    highest = max(id_of(one, id_name) for one in elements)
    last = min(last, highest) if last and highest else last or highest
    if last <= after:
        if more == "":
            return None
        raise TransientError(
            f"Afterbuy says that more {record.lower()}s follow {after} and sends none of them."
        )
    return {**state, AFTER: last}


def without_repeats(elements: Sequence[Element], id_name: str, after: int | None) -> list[Element]:
    """Return the elements of a page, each id once, and without `after`, the last id of the page before."""
    seen = {after} if after else set()
    new = []
    for element in elements:
        number = id_of(element, id_name)
        if number and number in seen:
            continue
        seen.add(number)
        new.append(element)
    return new


def id_of(element: Element, id_name: str) -> int:
    """Return the id of a record, 0 if it has none."""
    return number_of(xml.text_at(element, id_name))


def number_of(text: str) -> int:
    """Return the whole number that a text spells, 0 if it spells none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
