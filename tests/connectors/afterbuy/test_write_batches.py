"""What becomes of each item of a batch that is answered as a whole."""

from collections.abc import Sequence

import pytest

from connectors.afterbuy.client import Answer
from connectors.afterbuy.wire import WarningWire
from connectors.afterbuy.write_batches import BatchItem, send
from connectors.protocols.results import Outcome


def warning(code: int, **named: str) -> WarningWire:
    return WarningWire.model_validate({"warningcode": str(code), **named})


def batch(*pairs: tuple[str, str]) -> list[BatchItem]:
    return [BatchItem(key, external_id, [("ID", external_id)]) for key, external_id in pairs]


class Server:
    """Answers every batch with the warnings that hold for its items, named or not."""

    def __init__(self, *warnings: WarningWire, bad: str = "") -> None:
        self.warnings = list(warnings)
        self.bad = bad
        self.sizes: list[int] = []

    def write(self, batch: Sequence[BatchItem]) -> Answer:
        self.sizes.append(len(batch))
        ids = [content for item in batch for _, content in item.nodes]
        found = [warning(12)] if self.bad in ids else []
        return Answer(result=None, warnings=self.warnings + found)


def outcomes(items: list[BatchItem], server: Server, *, splits: bool = True) -> list[Outcome]:
    return [one.outcome for one in send(items, server.write, 100, splits=splits)]


SENT, RETRY, REFUSED, UNCERTAIN = Outcome.sent, Outcome.retry, Outcome.refused, Outcome.uncertain


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (warning(2, userproductid="a"), [REFUSED, SENT]),
        (warning(2, productid="71"), [REFUSED, SENT]),
        (warning(2, key="a"), [REFUSED, SENT]),
        (warning(12, key="71"), [REFUSED, SENT]),
        (warning(12, orderid="72"), [SENT, REFUSED]),
        (warning(12, itemid="72"), [SENT, REFUSED]),
        (warning(65, productid="72"), [SENT, RETRY]),
        (warning(99, productid="72"), [SENT, REFUSED]),
        (warning(70), [SENT, SENT]),
        (warning(1), [SENT, SENT]),
        (warning(99), [SENT, SENT]),
    ],
)
def test_a_warning_concerns_the_item_that_it_names(told: WarningWire, expected: list[Outcome]) -> None:
    assert outcomes(batch(("a", "71"), ("b", "72")), Server(told)) == expected


def test_our_reference_is_not_taken_for_anothers_id() -> None:
    told = warning(2, productid="71")
    assert outcomes(batch(("71", "90"), ("b", "71")), Server(told)) == [SENT, REFUSED]


def test_two_items_of_one_product_share_its_warning() -> None:
    told = warning(2, productid="71")
    assert outcomes(batch(("a", "71"), ("b", "71")), Server(told)) == [REFUSED, REFUSED]


def test_a_lasting_fault_outweighs_one_that_may_pass() -> None:
    server = Server(warning(65, key="a"), warning(2, key="a"))
    assert outcomes(batch(("a", "71")), server) == [REFUSED]


def test_an_item_that_no_warning_names_is_found_by_halving() -> None:
    items = batch(*((f"k{number}", str(number)) for number in range(100)))
    server = Server(bad="37")
    assert outcomes(items, server) == [REFUSED if number == 37 else SENT for number in range(100)]
    assert len(server.sizes) < 20


def test_without_leave_to_send_again_such_items_are_uncertain() -> None:
    server = Server(bad="1")
    assert outcomes(batch(("a", "1"), ("b", "2")), server, splits=False) == [UNCERTAIN, UNCERTAIN]
    assert server.sizes == [2]
