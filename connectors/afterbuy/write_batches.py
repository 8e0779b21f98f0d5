"""Writing in batches: Afterbuy answers a batch as a whole, and each item of it needs a result.

Every value that is written is absolute, so a part of a batch may be sent again to find the item at fault.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.afterbuy import codes, xml
from connectors.afterbuy.client import Answer
from connectors.afterbuy.wire import WarningWire
from connectors.afterbuy.xml import Node
from connectors.errors import AccountError, TransientError, UncertainError, WriteHeldBackError
from connectors.protocols.results import ItemResult, Outcome


@dataclass(frozen=True)
class BatchItem:
    """One item of a batch: our key, Afterbuy's id, and its elements."""

    key: str
    external_id: str
    nodes: Sequence[Node]


Write = Callable[[Sequence[BatchItem]], Answer]


def send(items: Sequence[BatchItem], write: Write, size: int, *, splits: bool) -> list[ItemResult]:
    """Send items in batches of `size`; return one result for each item, in their order.

    If `splits`, parts of a batch are sent again where the answer does not say which item is at fault.
    Otherwise such items are uncertain.
    Raises: TransientError, AccountError, if the first batch fails with it; a later batch gets results.
    """
    results: list[ItemResult] = []
    for start in range(0, len(items), size):
        batch = items[start : start + size]
        try:
            results += _send(batch, write, splits)
        except (TransientError, AccountError) as error:
            if not results:
                raise
            left = items[start:]
            return results + [_result(item, Outcome.retry, str(error)) for item in left]
    return results


def _send(batch: Sequence[BatchItem], write: Write, splits: bool) -> list[ItemResult]:
    try:
        answer = write(batch)
    except WriteHeldBackError as error:
        return [_result(item, Outcome.would_send, str(error)) for item in batch]
    except UncertainError as error:
        return [_result(item, Outcome.uncertain, str(error)) for item in batch]
    except codes.AfterbuyRefusedError as error:
        if len(batch) > 1 and splits and error.codes & codes.NOTHING_DONE:
            return _send_halves(batch, write)
        return [_result(item, Outcome.refused, str(error)) for item in batch]
    return _judge(batch, answer, write, splits)


def _send_halves(batch: Sequence[BatchItem], write: Write) -> list[ItemResult]:
    """Send each half by itself. If one fails for now, its items are to be retried; the other half counts."""
    middle = len(batch) // 2
    results: list[ItemResult] = []
    for half in (batch[:middle], batch[middle:]):
        try:
            results += _send(half, write, splits=True)
        except (TransientError, AccountError) as error:
            results += [_result(item, Outcome.retry, str(error)) for item in half]
    return results


def _judge(batch: Sequence[BatchItem], answer: Answer, write: Write, splits: bool) -> list[ItemResult]:
    """Return the results of a batch by its warnings; Afterbuy took each item without one.

    A warning with an unknown number that names no item concerns none of them: it was logged.
    """
    named: dict[str, list[WarningWire]] = {}
    unnamed: list[WarningWire] = []
    for warning in answer.warnings:
        if warning.WarningCode in codes.WARNINGS_WITHOUT_EFFECT:
            continue
        meant = _meant(batch, warning)
        if not meant and warning.WarningCode in codes.WARNINGS:
            unnamed.append(warning)
        for key in meant:
            named.setdefault(key, []).append(warning)
    if unnamed and len(batch) > 1:
        if splits:
            return _send_halves(batch, write)
        text = codes.warning_text(unnamed[0].WarningCode or 0)
        return [
            _warned(item, named[item.key]) if item.key in named else _result(item, Outcome.uncertain, text)
            for item in batch
        ]
    return [
        _warned(item, warnings)
        if (warnings := named.get(item.key, []) + unnamed)
        else _result(item, Outcome.sent)
        for item in batch
    ]


def _meant(batch: Sequence[BatchItem], warning: WarningWire) -> set[str]:
    """Return the keys of the items that a warning names: by our reference, or else by Afterbuy's id."""
    ids = {warning.ProductID, warning.OrderID, warning.ItemID, warning.Key} - {""}
    ours = {item.key for item in batch if item.key in (warning.UserProductID, warning.Key)}
    return ours or {item.key for item in batch if item.external_id in ids}


def _warned(item: BatchItem, warnings: Sequence[WarningWire]) -> ItemResult:
    numbers = [warning.WarningCode or 0 for warning in warnings]
    passing = all(number == codes.WARNING_RETRY for number in numbers)
    message = "; ".join(codes.warning_text(number) for number in dict.fromkeys(numbers))
    return _result(item, Outcome.retry if passing else Outcome.refused, message)


def _result(item: BatchItem, outcome: Outcome, message: str = "") -> ItemResult:
    return ItemResult(key=item.key, outcome=outcome, message=message, fields=xml.fields_of(item.nodes))
