"""Schedules: what happens in one story, drawn from a seed alone, so that it can be repeated."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from models.sync.records import Cycle
from tests.faults.moments import ADDRESSES, ANSWER, COMMIT, COMMITTED, MAIL, MAILED, REQUEST, STATEMENT
from tests.faults.world import DESK, START, SUMMER

EVERY_TRY = 4
"""How often a step is tried."""

PASSING_FAULTS: dict[str, dict[str, Any]] = {
    "throttle": {},
    "throttle-with-wait": {"retry_after": 0},
    "status": {"code": 503},
    "html_page": {},
    "reset_before": {},
    "reset_after": {},
    "timeout": {"seconds": 2.0},
    "timeout-after-effect": {"seconds": 2.0, "after_effect": True},
    "same_page": {},
    "out_of_order": {},
    "invalid_characters": {},
    "entity_bomb": {},
    "refuse_login": {},
}
"""Faults of the channel, by the simulator's names, some in two variants."""

READINGS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"merge_survivor": "highest"},
    {"merge_survivor": "new"},
    {"order_id_from": "new_number"},
    {"range_from": "inclusive", "range_to": "inclusive"},
    {"ugly": True, "attribute_spelling": "mixed"},
    {"compress": True, "chunked": False},
)
"""Facts about the channel that are unknown; a story assumes one reading."""


@dataclass(frozen=True)
class Luck:
    """The fault of one run: its `kind`, and where it occurs."""

    kind: str
    moment: str = ""
    number: int = 0
    fault: dict[str, Any] = field(default_factory=dict)
    call: str | None = None
    times: int = 1


@dataclass(frozen=True)
class Step:
    """One step of a story, by the name of a method of `World`; a run may have a fault."""

    what: str
    values: dict[str, Any] = field(default_factory=dict)
    luck: Luck | None = None

    def __str__(self) -> str:
        """Describe the step in one line."""
        luck = {name: value for name, value in asdict(self.luck).items() if value} if self.luck else ""
        return f"{self.what} {self.values or ''} {luck}".rstrip()


@dataclass(frozen=True)
class Schedule:
    """One story."""

    seed: int
    start: datetime
    readings: dict[str, Any]
    quantity: int
    steps: tuple[Step, ...]
    forgetting: Luck | None = None
    """The fault at the end, when buyers' data is deleted."""


def draw(seed: int) -> Schedule:
    """Return the story of a seed."""
    chance = Random(seed)
    steps = [_buy(chance), _buy(chance)]
    for _ in range(chance.randint(9, 14)):
        steps.extend(_people(chance) for _ in range(chance.randint(0, 2)))
        steps.append(_run(chance))
    _add_papers(Random(f"papers {seed}"), steps)
    _add_second_thoughts(Random(f"thoughts {seed}"), steps)
    _add_work(Random(f"work {seed}"), steps)
    # Only some of these; otherwise a story would be long.
    seldom = Random(f"seldom {seed}")
    for add in seldom.choice(
        ((), (_add_desk,), (_add_together,), (_add_files,), (_add_together, _add_files))
    ):
        add(Random(f"{add.__name__} {seed}"), steps)
    _add_refused_addresses(Random(f"addresses {seed}"), steps)
    vanishing = {"cancelled_orders": "vanish"} if seldom.random() < 0.2 else {}
    return Schedule(
        seed=seed,
        start=chance.choice((START, SUMMER)),
        readings={**chance.choice(READINGS), **vanishing},
        quantity=chance.choice((3, 9, 50)),
        steps=tuple(steps),
        forgetting=_cut(seldom) if seldom.random() < 0.5 else None,
    )


def _buy(chance: Random) -> Step:
    products = chance.sample(range(5), chance.choice((1, 1, 2, 3)))
    lines = [(product, chance.choice((1, 1, 1, 2))) for product in products]
    values = {"side": chance.randrange(2), "lines": lines, "paid": chance.random() < 0.5}
    return Step("buy", {**values, "done": chance.random() < 0.85})


def _people(chance: Random) -> Step:
    side, number = chance.randrange(2), chance.randrange(12)
    at = {"side": side, "number": number}
    options: list[tuple[int, Step]] = [
        (14, _buy(chance)),
        (3, Step("check_out", at)),
        (4, Step("pay_there", {**at, "share": chance.choice((1, 2, 3))})),
        (3, Step("alter", {**at, "quantity": chance.randint(1, 4)})),
        (3, Step("move", at)),
        (4, Step("merge", {"side": side, "one": number, "other": chance.randrange(12)})),
        (2, Step("cancel_there", at)),
        (1, Step("ship_there", at)),
        (2, Step("spoil", at)),
        (2, Step("heal", {"side": side})),
        (4, Step("count", {"product": chance.randrange(4), "quantity": chance.randint(0, 30)})),
        (8, Step("ship_here", {**at, "whole": chance.random() < 0.7})),
        (6, Step("pay_here", {**at, "cents": chance.choice((500, 990, 1480))})),
        (2, Step("cancel_here", at)),
        (2, Step("release", at)),
        (2, Step("wait", {"seconds": chance.choice((5, 70, 400, 4000))})),
        (2, Step("turn_clock", {"minutes": chance.choice((-90, -20, -1, 20))})),
        (1, Step("watch")),
    ]
    return chance.choices([step for _, step in options], [weight for weight, _ in options])[0]


def _run(chance: Random) -> Step:
    cycle = chance.choices(list(RUN_WEIGHTS), list(RUN_WEIGHTS.values()))[0]
    values = {"side": chance.randrange(2), "cycle": cycle}
    return Step("run", values, _luck(chance) if chance.random() < 0.75 else None)


def _add_papers(chance: Random, steps: list[Step]) -> None:
    """Add steps: goods ship on the account that invoices here, are invoiced, and invoices are cancelled.

    They are drawn separately and put between the other steps, so the other steps of a seed stay the same.
    """
    lines = [(product, chance.choice((1, 2))) for product in chance.sample(range(5), 2)]
    at = [{"side": PAPERS, "number": number} for number in range(3)]
    added = [
        Step("buy", {"side": PAPERS, "lines": lines, "paid": False, "done": True}),
        Step("run", {"side": PAPERS, "cycle": Cycle.order_import}),
        *(Step("ship_here", {**one, "whole": chance.random() < 0.5}) for one in at),
        _invoice(chance),
    ]
    if chance.random() < 0.5:
        added += [Step("correct", {"number": chance.randrange(12)}), _invoice(chance)]
    _put_between(chance, steps, added)


def _add_second_thoughts(chance: Random, steps: list[Step]) -> None:
    """Add steps in which the merchant cancels units and refunds money, like `_add_papers`."""
    side = chance.randrange(2)
    at = [{"side": side, "number": number} for number in range(4)]
    lines = [(chance.randrange(5), chance.choice((2, 3)))]
    added = [
        Step("buy", {"side": side, "lines": lines, "paid": False, "done": True}),
        Step("run", {"side": side, "cycle": Cycle.order_import}),
        Step("pay_here", {**at[0], "cents": 990}),
        *(Step("shrink_here", one) for one in at[:2]),
        Step("run", {"side": side, "cycle": Cycle.shipping_sync}, _luck(chance)),
        Step("refund_here", {**at[0], "cents": chance.choice((490, 990))}),
        Step("cancel_here", chance.choice(at)),
        Step("run", {"side": side, "cycle": Cycle.payment_sync}, _luck(chance)),
        Step("run", {"side": side, "cycle": Cycle.shipping_sync}, _luck(chance)),
    ]
    _put_between(chance, steps, added)


def _add_work(chance: Random, steps: list[Step]) -> None:
    """Add steps that work orders off from the payment request to the return, like `_add_papers`."""
    lines = [(product, chance.choice((1, 2))) for product in chance.sample(range(5), 2)]
    buy = Step("buy", {"side": PAPERS, "lines": lines, "paid": False, "done": True})
    at = [{"side": PAPERS, "number": number} for number in range(4)]
    added = [
        buy,
        buy,
        Step("run", {"side": PAPERS, "cycle": Cycle.order_import}),
        _inside(chance, Cycle.buyer_mail),
        *(Step("pay_rest", one) for one in chance.sample(at, 2)),
        _inside(chance, Cycle.order_release),
        Step("pick_here", {"side": PAPERS, "share": chance.choice((0, 0.5, 1, 1))}),
        *(Step("ship_here", {**one, "whole": chance.random() < 0.7}) for one in chance.sample(at, 3)),
        _inside(chance, Cycle.buyer_mail),
        Step("run", {"side": PAPERS, "cycle": Cycle.invoicing}),
        *(
            Step("take_back", {**one, "fate": chance.choice(("to_stock", "b_stock", "scrapped"))})
            for one in at[:2]
        ),
    ]
    for _ in range(chance.choice((0, 1, 2))):
        added += [Step("wait", {"seconds": 90_000}), _inside(chance, Cycle.payment_due)]
    _put_between(chance, steps, added)


def _add_refused_addresses(chance: Random, steps: list[Step]) -> None:
    """Add an order whose address the database refuses, once or at every try, like `_add_papers`."""
    side = chance.randrange(2)
    luck = Luck("addresses_refused", ADDRESSES, 1, times=chance.choice((1, EVERY_TRY)))
    buy = Step("buy", {"side": side, "lines": [(0, 1)], "paid": chance.random() < 0.5, "done": True})
    run = Step("run", {"side": side, "cycle": Cycle.order_import}, luck)
    if chance.random() < 0.5:
        # Side by side: another run would take the order in.
        place = chance.randint(len(steps) // 3, len(steps))
        steps[place:place] = [buy, run]


def _add_desk(chance: Random, steps: list[Step]) -> None:
    """Add manual orders that are offered, changed, repeated, shipped and exchanged, like `_add_papers`."""

    def lines() -> list[tuple[int, int]]:
        return [(product, chance.choice((1, 2, 3))) for product in chance.sample(range(4), 2)]

    first, second = ({"slip": number, "lines": lines()} for number in (1, 2))
    at = [{"number": number} for number in range(5)]
    repeated = {"side": chance.randrange(2), "number": chance.randrange(12), "slip": 3}
    added = [
        Step("take", first, _cut(chance)),
        Step("take", second, _cut(chance)),
        *(Step("offer", {"slip": number, "lines": lines()}) for number in (4, 5)),
        Step("take", first),
        Step("accept", at[0], _cut(chance)),
        Step("repeat", repeated, _cut(chance)),
        *chance.sample(
            (
                Step("accept", at[0]),
                Step("decline", at[1]),
                Step("accept", at[1], _cut(chance)),
                Step("repeat", repeated),
                Step("add_goods", {**chance.choice(at), "product": chance.randrange(4)}),
                Step("want_fewer", chance.choice(at)),
                Step("cancel_slip", chance.choice(at)),
                Step("take", second),
            ),
            5,
        ),
        _inside(chance, Cycle.order_release, DESK),
        *(Step("ship_slip", one) for one in chance.sample(at, 3)),
        *(Step("pay_slip", one) for one in chance.sample(at, 3)),
        _inside(chance, Cycle.invoicing, DESK),
        *(Step("take_slip_back", one) for one in at[:2]),
        Step("exchange", chance.choice(at), _cut(chance)),
        Step("exchange", chance.choice(at)),
        _inside(chance, Cycle.buyer_mail, DESK),
        Step("ship_slip", {"number": 4}),
    ]
    _put_between(chance, steps, added)


def _add_together(chance: Random, steps: list[Step]) -> None:
    """Add consolidated orders of one buyer, in both channels and by telephone, like `_add_papers`."""
    buyer = chance.randrange(100)
    at = [{"number": number} for number in range(3)]
    sides = [0, 1, *chance.choice(((), (0,), (1,)))]
    paid = {"paid": True, "done": True, "buyer": buyer}
    second_thought = (
        Step("part", chance.choice(at)),
        Step("cancel_mate", chance.choice(at)),
        Step("cancel_mate", chance.choice(at)),
        Step("wait", {"seconds": 5}),
    )
    added = [
        *(Step("count", {"product": product, "quantity": 20}) for product in range(2)),
        *(
            Step("buy", {"side": side, "lines": [(0, 1), (1, units)], **paid})
            for units, side in enumerate(sides, start=1)
        ),
        Step("take", {"slip": 9, "lines": [(0, 1)], "buyer": buyer}),
        *(Step("run", {"side": side, "cycle": Cycle.order_import}) for side in (0, 1)),
        Step("join", {"number": 0}),
        chance.choice(second_thought),
        Step("run", {"side": 0, "cycle": Cycle.order_import}, _luck(chance)),
        chance.choice((Step("release_mate", at[0]), _inside(chance, Cycle.order_release))),
        chance.choice(second_thought),
        Step("ship_mate", chance.choice(at)),
        *(Step("run", {"side": side, "cycle": Cycle.shipping_sync}, _luck(chance)) for side in (0, 1)),
        Step("join", {"number": 0}),
        Step("ship_mate", at[0]),
    ]
    _put_between(chance, steps, added)


def _add_files(chance: Random, steps: list[Step]) -> None:
    """Add parcels from carriers' files, which give some of them their numbers, like `_add_papers`.

    Some goods are held back.
    """
    side = chance.randrange(2)
    lines = [(product, 1) for product in chance.sample(range(4), 2)]
    buy = Step("buy", {"side": side, "lines": lines, "paid": True, "done": True})

    def file(luck: Luck | None) -> Step:
        numbers = chance.sample(range(12), 4)
        return Step("import_parcels", {"side": side, "numbers": numbers, "gone": chance.random() < 0.5}, luck)

    added = [
        buy,
        buy,
        buy,
        Step("run", {"side": side, "cycle": Cycle.order_import}),
        *(Step("keep_back", {"side": side, "number": number}) for number in chance.sample(range(4), 2)),
        *(
            Step("ship_here", {"side": side, "number": number, "whole": number > 0, "numbered": False})
            for number in chance.sample(range(4), 2)
        ),
        file(_cut(chance)),
        Step("run", {"side": side, "cycle": Cycle.shipping_sync}, _luck(chance)),
        file(_cut(chance)),
        Step("let_go", {"side": side, "number": chance.randrange(4)}),
        Step("run", {"side": side, "cycle": Cycle.shipping_sync}, _luck(chance)),
        file(None),
    ]
    _put_between(chance, steps, added)


def _cut(chance: Random) -> Luck:
    """Return where a person's command is interrupted."""
    moment = chance.choice((STATEMENT, STATEMENT, COMMIT, COMMITTED))
    number = int(chance.triangular(1, 60, 12)) if moment == STATEMENT else chance.choice((1, 1, 2, 3))
    return Luck(chance.choice(("killed", "killed", "connection_lost", "disk_full")), moment, number)


def _put_between(chance: Random, steps: list[Step], added: Sequence[Step]) -> None:
    """Insert the added steps in their order, after the first third of the steps."""
    places = sorted(chance.randint(len(steps) // 3, len(steps)) for _ in added)
    for place, step in reversed(list(zip(places, added, strict=True))):
        steps.insert(place, step)


def _invoice(chance: Random) -> Step:
    return _inside(chance, Cycle.invoicing)


def _inside(chance: Random, cycle: Cycle, side: int | None = None) -> Step:
    """Return a run of a cycle that calls no channel, with its fault."""
    values = {"side": PAPERS if side is None else side, "cycle": cycle}
    kind = chance.choice(PAPER_LUCK)
    if not kind:
        return Step("run", values)
    moments = [STATEMENT, COMMIT, COMMITTED]
    if kind in ("overtaken", "twice"):
        moments = [COMMITTED]
    elif kind == "killed" and cycle is Cycle.buyer_mail:
        moments += [MAIL, MAILED]
    elif kind in ("locked", "disk_full"):
        moments.remove(COMMITTED)
    moment = chance.choice(moments)
    number = int(chance.triangular(1, 60, 25)) if moment == STATEMENT else chance.randint(1, 5)
    if kind == "twice":
        # At a later moment, a run that found nothing has ended.
        number = 1
    return Step("run", values, Luck(kind, moment, number))


PAPERS = 1
"""The side whose orders are released, mailed and invoiced here."""
PAPER_LUCK = ("", "killed", "killed", "locked", "disk_full", "connection_lost", "overtaken", "twice", "test")
"""Faults of cycles that never call a channel."""

RUN_WEIGHTS = {
    Cycle.order_import: 8,
    Cycle.stock_export: 5,
    Cycle.shipping_sync: 4,
    Cycle.payment_sync: 4,
    Cycle.article_import: 1,
    Cycle.reconcile: 2,
    Cycle.replay: 2,
}


def _luck(chance: Random) -> Luck:
    kind = chance.choices(list(LUCK_WEIGHTS), list(LUCK_WEIGHTS.values()))[0]
    match kind:
        case "channel":
            name = chance.choice(list(PASSING_FAULTS))
            return Luck(
                name, fault=PASSING_FAULTS[name], times=chance.choice((1, 1, 2, 5)), number=_few(chance)
            )
        case "cut":
            fault = {"at_byte": chance.randrange(0, 3000), "honest_length": chance.random() < 0.5}
            return Luck("cut_body", fault=fault, times=chance.choice((1, 1, 2)), number=_few(chance))
        case "killed":
            moment = chance.choice((STATEMENT, STATEMENT, COMMIT, COMMITTED, REQUEST, ANSWER, ANSWER))
            return Luck(kind, moment, _where(chance, moment))
        case "locked" | "disk_full":
            moment = chance.choice((STATEMENT, COMMIT))
            return Luck(kind, moment, _where(chance, moment), times=chance.choice((1, 1, 9)))
        case "connection_lost":
            moment = chance.choice((STATEMENT, COMMIT, COMMITTED))
            return Luck(kind, moment, _where(chance, moment))
        case "mail_lost":
            return Luck(kind, chance.choice((MAIL, MAILED)), 1)
        case "prefect_gone":
            moment = chance.choice((STATEMENT, REQUEST, COMMITTED))
            return Luck(kind, moment, _where(chance, moment))
        case _:
            moment = chance.choice((REQUEST, ANSWER))
            return Luck(kind, moment, chance.randint(1, 4))


def _few(chance: Random) -> int:
    """Return the call of the run at which a fault begins: rarely the first."""
    return chance.choice((1, 2, 2, 3, 3, 4))


def _where(chance: Random, moment: str) -> int:
    """Return a moment's number within a run, more often a small one, because most runs are short."""
    if moment == STATEMENT:
        return int(chance.triangular(1, 120, 15))
    return chance.randint(1, 8 if moment in (COMMIT, COMMITTED) else 4)


LUCK_WEIGHTS = {
    "channel": 30,
    "cut": 8,
    "killed": 14,
    "locked": 7,
    "disk_full": 5,
    "connection_lost": 10,
    "overtaken": 8,
    "twice": 4,
    "changed_meanwhile": 8,
    "test": 4,
    "prefect_gone": 3,
    "mail_gone": 3,
    "mail_lost": 2,
}
"""The faults of runs and their frequency; `machine.Machine` says what each one does."""
