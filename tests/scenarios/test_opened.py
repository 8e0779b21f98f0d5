"""A system of another family is opened by its package and its kind alone, and is given nothing it cannot do.

The four connectors in `tests/support/families` do little but declare themselves: two can do nothing, one has
an article, and one also takes its quantity. `opened` adds them in the one place where the product lists its
kinds and the one where it lists its connectors.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from sqlmodel import select

from connectors.registry import SPECS
from connectors.spec import ConnectorSpec
from deployments.deploy import deploy_account, deploy_accounts
from deployments.deployed import request_run
from deployments.schedules import copy_schedules, expect_usual_schedules
from deployments.work_pool import ensure_pool
from models.catalog.article import Article
from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.mails.outbox import Mail
from models.order_desk.manual_orders import pick_manual_account
from models.sync.alarms import Alarm, Incident
from models.sync.cursors import Cursor
from models.sync.cycles import PUBLISHED_BY
from models.sync.outbound import OUTBOUND, Outbound, queue_outbound
from models.sync.records import Cycle, OutboundKind
from models.sync.runs import Run
from models.sync.schedules import CycleSchedule
from models.tenants.account import Account, get_account
from models.tenants.account_kinds import KINDS
from models.upkeep.after_restore import mark_restored, tenants_with_numbers_in_doubt
from models.upkeep.status import status_of_accounts
from models.warehouse.ledger import set_on_hand
from models.warehouse.warehouses import main_warehouse
from tasks.run.artifacts import overview_markdown
from tasks.run.secrets import load_secrets
from tasks.watch.alarms import watch
from tests.support.cli_steps import call, read, refused
from tests.support.families import bank, carrier, erp, supplier


@dataclass(frozen=True)
class Family:
    """A connector, how an account of it is added, and the cycles that it can do."""

    spec: ConnectorSpec[Any]
    settings: Mapping[str, str]
    secrets: Mapping[str, str]
    cycles: tuple[Cycle, ...] = ()

    @property
    def kind(self) -> str:
        return self.spec.kind.name

    @property
    def hears(self) -> set[OutboundKind]:
        """The changes that its own cycles publish."""
        return {kind for kind in TO_SYSTEMS if PUBLISHED_BY[kind] in self.cycles}

    def get_spec(self) -> ConnectorSpec[Any]:
        return self.spec


FAMILIES = (
    Family(supplier.SPEC, {"language": "en", "role": "articles"}, {"api_key": "k"}, (Cycle.article_import,)),
    Family(
        erp.SPEC,
        {"company": "Acme"},
        {"user": "u", "password": "p"},
        (Cycle.article_import, Cycle.stock_export),
    ),
    Family(carrier.SPEC, {"product": "letter"}, {"token": "t"}),
    Family(bank.SPEC, {}, {}),
)
SUPPLIER, ERP = FAMILIES[:2]
TO_SYSTEMS = [kind for kind, spec in OUTBOUND.items() if spec.capability is not None]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.kind)


@pytest.fixture
def client(prefect_api: str) -> Iterator[SyncPrefectClient]:
    """A client of the shared Prefect server."""
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def pool(client: SyncPrefectClient) -> str:
    """A work pool that no worker of another test serves."""
    name = f"pool-{uuid4().hex[:8]}"
    ensure_pool(client, name)
    return name


@pytest.fixture
def opened(sqlite_database: str, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four kinds and their connectors, and a tenant; the test's Prefect stands for the installation's."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    for family in FAMILIES:
        monkeypatch.setitem(KINDS, family.kind, family.spec.kind)
        monkeypatch.setitem(SPECS, family.kind, family.get_spec)
    assert call("tenant", "add", "acme").exit_code == 0


def add(family: Family, mode: str = "live") -> str:
    """Add an account on the command line, as an operator does; return its name."""
    name = f"{family.kind}-{uuid4().hex[:8]}"
    settings = [word for pair in family.settings.items() for word in ("--set", "=".join(pair))]
    secrets = [word for pair in family.secrets.items() for word in ("--secret", "=".join(pair))]
    done = call("account", "add", name, "--kind", family.kind, "--tenant", "acme", *settings, *secrets)
    assert done.exit_code == 0, done.stderr
    done = call("account", "mode", name, mode)
    assert done.exit_code == 0, done.stderr
    return name


def id_of(name: str) -> int:
    with read_scope() as session:
        return get_account(session, name).row_id


def deployed(client: SyncPrefectClient, name: str) -> set[str]:
    """Return the cycles of an account that Prefect has, by name."""
    found = client.read_deployments(
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[name]))
    )
    return {str(next(tag for tag in each.tags if tag.startswith("cycle:"))) for each in found}


def rows_of(name: str) -> dict[str, int]:
    """Return how many rows of an account cycles and alarms have left, by table; and mails to anybody."""
    account_id = id_of(name)
    with read_scope() as session:
        counts = {
            table.__name__: len(session.exec(select(table).where(table.account_id == account_id)).all())
            for table in (Run, CycleSchedule, Alarm, Incident, Outbound, Cursor)
        }
        counts["Mail"] = len(session.exec(select(Mail)).all())
    return {table: count for table, count in counts.items() if count}


@each_family
def test_its_settings_and_secrets_are_its_own(opened: None, family: Family) -> None:
    """A channel's options are no options of it, a wrong value is named, and secrets go to their block."""
    adding = ("account", "add", "x", "--kind", family.kind, "--tenant", "acme")
    wrong = refused(*adding, "--set", "invoices=warenfluss", "--secret", "nothing=1")

    assert "There is no setting 'invoices': allowed are " in wrong
    assert ("role" in wrong.partition("allowed are ")[2].partition("\n")[0]) is bool(family.cycles)
    assert "There is no secret 'nothing'" in wrong
    if family.secrets:
        assert f"The secret {', '.join(family.secrets)} is missing" in refused(
            *adding, *(word for pair in family.settings.items() for word in ("--set", "=".join(pair)))
        )
    name = add(family, "draft")
    assert load_secrets(name) == family.secrets
    (shown,) = (row for row in read("account", "list") if row["name"] == name)
    assert (shown["kind"], shown["mode"]) == (family.kind, "draft")
    assert {key: shown["settings"][key] for key in family.settings} == family.settings
    assert read("account", "check", name)["ok"] is True


@each_family
def test_it_is_deployed_what_it_can_do(
    opened: None, client: SyncPrefectClient, pool: str, family: Family
) -> None:
    """Nothing, for two of them; whoever deploys all accounts deploys no more, and changes nothing."""
    name = add(family)
    expected = {f"cycle:{cycle}" for cycle in family.cycles}

    assert deploy_account(name, pool=pool) == [f"{cycle}/{name}" for cycle in family.cycles]
    assert deployed(client, name) == expected
    deploy_accounts(pool=pool)
    assert deployed(client, name) == expected


@each_family
def test_a_cycle_that_it_cannot_do_is_refused_in_words(opened: None, pool: str, family: Family) -> None:
    """By every command that names a cycle, before anything is begun, with those that it can have."""
    name = add(family)
    there = ", ".join(family.cycles)
    said = f"it can have {there}." if there else "there is no cycle for such accounts."

    for cycle in set(Cycle) - set(family.cycles):
        sentence = f"Account {name!r} of the kind {family.kind!r} has no {cycle}: {said}"
        started = ("replay",) if cycle is Cycle.replay else ("sync", cycle)
        more = ("--all",) if cycle is Cycle.replay else ()
        assert refused(*started, "--account", name, *more) == sentence
        for change in ("--pause", "--resume"):
            assert refused("schedule", "set", name, cycle, change) == sentence
        with pytest.raises(RuleError, match="has no "):
            request_run(name, cycle)
    assert "Run" not in rows_of(name)


@each_family
def test_a_flow_that_is_started_for_it_all_the_same_alarms_nobody(
    opened: None, monkeypatch: pytest.MonkeyPatch, family: Family
) -> None:
    """Somebody changed the account in the form of another's deployment: he sees that it failed, and why."""
    from flows.order_import import order_import

    name = add(family)

    state = order_import(account=name, return_state=True)

    assert state.is_failed()
    assert f"Account {name!r} of the kind {family.kind!r} has no order-import" in str(state.message)
    watch()
    assert rows_of(name) == {}


@each_family
def test_nothing_is_missed_that_it_cannot_do(
    opened: None, pool: str, monkeypatch: pytest.MonkeyPatch, family: Family
) -> None:
    """No rhythm but those of its own cycles, so that after a month none but those is overdue."""
    name = add(family)
    deploy_account(name, pool=pool)
    expect_usual_schedules()
    copy_schedules()
    with read_scope() as session:
        rhythms = session.exec(select(CycleSchedule).where(CycleSchedule.account_id == id_of(name))).all()
        assert {rhythm.cycle for rhythm in rhythms} == set(family.cycles)

    later = utc_now() + timedelta(days=30)
    monkeypatch.setattr("models.sync.schedules.utc_now", lambda: later)
    watch()

    with read_scope() as session:
        alarms = session.exec(select(Alarm)).all()
        assert {(alarm.account_id, alarm.cycle) for alarm in alarms} == {
            (id_of(name), cycle) for cycle in family.cycles
        }
        assert len(session.exec(select(Mail)).all()) == len(family.cycles)


@each_family
def test_nothing_is_queued_for_it(opened: None, family: Family) -> None:
    """Neither by the rule itself, nor by a restore, but what a cycle of its own publishes."""
    name = add(family)
    account_id = id_of(name)
    with session_scope() as session:
        for kind in TO_SYSTEMS:
            queue_outbound(session, account_id, kind, [7])
        assert set(session.exec(select(Outbound.kind)).all()) == family.hears
    limit = ("stock", "limit", name, "--buffer", "2")
    if OutboundKind.stock in family.hears:
        assert call(*limit).exit_code == 0
    else:
        assert "takes no quantities" in refused(*limit)
    with session_scope() as session:
        assert mark_restored(session) == []
        assert tenants_with_numbers_in_doubt(session) == []
        assert set(session.exec(select(Cursor.name)).all()) == {f"restored:{kind}" for kind in family.hears}

    assert set(rows_of(name)) == ({"Outbound", "Cursor"} if family.hears else set())


@each_family
def test_it_stands_where_it_belongs_in_what_people_see(opened: None, family: Family) -> None:
    """The overview has a row of it only for what it can do; doctor and reconciliation find nothing."""
    name = add(family)
    with read_scope() as session:
        in_step, waits = overview_markdown(status_of_accounts(session)).split("What waits:")

    assert (name in in_step) is bool(family.cycles)
    (row,) = (line for line in waits.splitlines() if name in line)
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["0", "0", "0", "0", "0", "-"]
    found = json.loads(call("doctor", "--logins", "--json").stdout)
    assert [finding for finding in found if finding["subject"] == name] == []
    assert read("reconcile", "list") == []
    assert call("reconcile", "mend", "--all", "--account", name).exit_code == 0
    assert call("account", "check", name).stderr.startswith(f"The login of account {name!r} works")
    with (
        session_scope() as session,
        pytest.raises(RuleError, match="no account in which orders are taken by"),
    ):
        pick_manual_account(session, get_account(session, name).tenant_id, name)
    assert rows_of(name) == {}


def test_what_it_can_do_it_does(opened: None, pool: str) -> None:
    """The supplier's articles come in twice by its own cycle, and their stock is told to nobody."""
    name = add(SUPPLIER)

    first = read("sync", "article-import", "--account", name)
    second = read("sync", "article-import", "--account", name)

    assert (first["new"], second["unchanged"]) == (1, 1)
    with session_scope() as session:
        article = session.exec(select(Article)).one()
        tenant_id = session.get_one(Account, id_of(name)).tenant_id
        set_on_hand(session, main_warehouse(session, tenant_id).row_id, {article.row_id: 7})
    with read_scope() as session:
        in_step = overview_markdown(status_of_accounts(session)).split("What waits:")[0]
    head, _, row = (line for line in in_step.splitlines() if line.startswith("|"))
    cells = dict(
        zip(*([cell.strip() for cell in line.split("|")[1:-1]] for line in (head, row)), strict=True)
    )
    assert {area for area, cell in cells.items() if cell == "-"} == set(cells) - {
        "account",
        "mode",
        "articles",
    }
    assert "Outbound" not in rows_of(name)
    assert call("article", "list").exit_code == 0


def test_what_it_takes_is_published_to_it_alone(opened: None, pool: str) -> None:
    """The ERP system gets the quantity of its article; after a restore again, though no order is read."""
    supplier_name, name = add(SUPPLIER), add(ERP)
    for each in (supplier_name, name):
        assert read("sync", "article-import", "--account", each)["read"] == 1
    with session_scope() as session:
        article = session.exec(select(Article)).one()
        tenant_id = session.get_one(Account, id_of(name)).tenant_id
        set_on_hand(session, main_warehouse(session, tenant_id).row_id, {article.row_id: 7})
    held = ("Acme", "T-1")
    erp.HELD.clear()

    assert read("sync", "stock-export", "--account", name)["sent"] == 1
    assert {held: 7} == erp.HELD

    erp.HELD[held] = 3
    with session_scope() as session:
        mark_restored(session)
    assert read("sync", "stock-export", "--account", name)["sent"] == 1
    assert {held: 7} == erp.HELD
    assert read("sync", "stock-export", "--account", name)["sent"] == 0
    assert "Outbound" not in rows_of(supplier_name)


def test_a_channel_beside_them_goes_on_as_before(opened: None, client: SyncPrefectClient, pool: str) -> None:
    """It has all its cycles, and a restore makes it alone read its orders again."""
    others = [add(family) for family in FAMILIES]
    name = f"shop-{uuid4().hex[:8]}"
    secrets = ("--secret", "partner_token=p", "--secret", "account_token=a")
    assert call("account", "add", name, "--kind", "afterbuy", "--tenant", "acme", *secrets).exit_code == 0
    assert call("account", "mode", name, "live").exit_code == 0
    deploy_accounts(pool=pool)

    assert {f"cycle:{cycle}" for cycle in (Cycle.order_import, Cycle.stock_export)} < deployed(client, name)
    with session_scope() as session:
        assert mark_restored(session) == [name]
        cursors = {(cursor.account_id, cursor.name) for cursor in session.exec(select(Cursor))}
    erp_id = id_of(others[FAMILIES.index(ERP)])
    assert {each for each in cursors if each[0] != id_of(name)} == {
        (erp_id, f"restored:{OutboundKind.stock}")
    }
    assert {each for _, each in cursors} == {f"restored:{kind}" for kind in OutboundKind}
