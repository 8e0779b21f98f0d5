"""Cycles: each is declared whole, and an account has those that its kind and its options allow."""

from importlib import import_module

import pytest

from documents.mails import alarm, parked
from models.errors import RuleError
from models.sync.cycles import CYCLES, PUBLISHED_BY, check_has_cycle, has_cycle, has_cycle_now, leases_of
from models.sync.outbound import ORDER_UPDATES, OUTBOUND
from models.sync.records import Cycle, OutboundKind
from models.tenants.account import Account
from models.tenants.account_kinds import AFTERBUY, KINDS, MANUAL, AccountKind, Capability, Family, kind_of
from models.tenants.options import OPTIONS

IN_HOUSE = {Cycle.order_release, Cycle.payment_due, Cycle.invoicing, Cycle.buyer_mail}


def cycles_of(kind: AccountKind) -> set[Cycle]:
    return {cycle for cycle in CYCLES if has_cycle(kind, cycle)}


@pytest.mark.parametrize("cycle", Cycle)
def test_each_cycle_is_declared_has_a_flow_of_its_name_and_words_for_people(cycle: Cycle) -> None:
    """Whoever adds a cycle is told here what else it needs."""
    spec = CYCLES[cycle]
    name = cycle.replace("-", "_")

    assert getattr(import_module(f"flows.{name}"), name).name == cycle
    assert alarm.TITLES[cycle]
    assert alarm.MEANINGS[cycle]
    assert spec.area or spec.every_minutes is None, "a cycle with a schedule stands in the overview"
    assert spec.needs or spec.family, "it would belong to accounts that can do nothing"
    assert spec.wanted is None or spec.family in OPTIONS, "no options of its family could ask for it"
    assert set(spec.works_as) <= set(CYCLES)


def test_areas_are_told_apart() -> None:
    """Two cycles under one head would hide each other in the overview."""
    areas = [spec.area for spec in CYCLES.values() if spec.area]

    assert len(areas) == len(set(areas))


@pytest.mark.parametrize("kind", OutboundKind)
def test_each_kind_of_change_is_declared_and_published_by_one_cycle(kind: OutboundKind) -> None:
    """What a kind of account can hear, a cycle of such accounts publishes, and parked changes have a word."""
    publishers = [cycle for cycle, spec in CYCLES.items() if kind in spec.publishes]

    assert publishers == [PUBLISHED_BY[kind]]
    assert parked.KINDS[kind]
    capability = OUTBOUND[kind].capability
    hearing = {name for name, each in KINDS.items() if capability in each.capabilities}
    assert all(has_cycle(KINDS[name], PUBLISHED_BY[kind]) for name in hearing)


def test_of_an_order_its_payment_shipments_and_cancellations_are_published() -> None:
    """Their rows are keyed by the order's id."""
    assert (OutboundKind.payment, OutboundKind.shipment, OutboundKind.cancellation) == ORDER_UPDATES


def test_a_cycle_that_does_the_work_of_others_holds_their_leases() -> None:
    """In one order for all, or two that take each other's would wait for ever."""
    assert leases_of(Cycle.replay) == [
        Cycle.order_import,
        Cycle.payment_sync,
        Cycle.replay,
        Cycle.shipping_sync,
    ]
    assert leases_of(Cycle.stock_export) == [Cycle.stock_export]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (AFTERBUY, set(Cycle)),
        (MANUAL, IN_HOUSE),
        (AccountKind("erp", Family.erp, frozenset()), set()),
        (AccountKind("supplier", Family.supplier, frozenset({Capability.articles})), {Cycle.article_import}),
        (
            AccountKind("pixi", Family.erp, frozenset({Capability.articles, Capability.stock})),
            {Cycle.article_import, Cycle.stock_export},
        ),
        # Its orders are not orders of a channel: they have a cycle of their own once there is such a system.
        (AccountKind("sage", Family.erp, frozenset({Capability.orders, Capability.shipments})), set()),
        (
            AccountKind("amazon", Family.channel, frozenset({Capability.orders})),
            IN_HOUSE | {Cycle.order_import, Cycle.payment_sync, Cycle.reconcile, Cycle.replay},
        ),
        (kind_of("of a newer version"), set()),
    ],
    ids=lambda value: value.name if isinstance(value, AccountKind) else "",
)
def test_a_kind_has_the_cycles_that_it_can_do(kind: AccountKind, expected: set[Cycle]) -> None:
    """Nothing is assumed of a kind: what it can do decides, and its family for what orders are."""
    assert cycles_of(kind) == expected


@pytest.mark.parametrize(
    ("cycle", "settings"),
    [
        (Cycle.order_release, {"release": "automatic"}),
        (Cycle.payment_due, {"remind_after_days": 7}),
        (Cycle.invoicing, {"invoices": "warenfluss", "invoices_from": "2026-12-01"}),
        (Cycle.buyer_mail, {"order_notice": "digest"}),
        (Cycle.buyer_mail, {"buyer_mails": "shipped"}),
    ],
)
def test_what_is_done_in_the_house_is_done_where_the_options_ask_for_it(
    cycle: Cycle, settings: dict[str, object]
) -> None:
    """Of no account otherwise; what goes on with the channel needs no option."""
    plain = Account(tenant_id=1, name="shop", kind=AFTERBUY.name)
    asking = Account(tenant_id=1, name="shop", kind=AFTERBUY.name, settings=settings)

    assert not has_cycle_now(plain, cycle)
    assert {each for each in CYCLES if has_cycle_now(asking, each)} == cycles_of(AFTERBUY) - IN_HOUSE | {
        cycle
    }


def test_settings_that_do_not_fit_hide_no_cycle() -> None:
    """Its runs say what is wrong with them; a cycle that is not there would be silent."""
    account = Account(tenant_id=1, name="telefon", kind=MANUAL.name, settings={"release": "sometimes"})

    assert {cycle for cycle in CYCLES if has_cycle_now(account, cycle)} == IN_HOUSE


def test_a_cycle_that_an_account_cannot_have_is_refused_with_those_it_can() -> None:
    """The sentence names them; an account without any is told that."""
    with pytest.raises(
        RuleError, match="'telefon' of the kind 'manual' has no replay: it can have order-rel"
    ):
        check_has_cycle("telefon", MANUAL, Cycle.replay)
    with pytest.raises(RuleError, match="has no replay: there is no cycle for such accounts"):
        check_has_cycle("bank", AccountKind("camt", Family.bank, frozenset()), Cycle.replay)
    check_has_cycle("shop", AFTERBUY, Cycle.replay)
