"""The demo: the merchant reaches the channel, differences are found, and errors are one sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.afterbuy.simulator import Simulator, sample_state
from console.demo.channel import Channel, compare_channel
from console.demo.merchant import (
    Day,
    count_stock,
    draw_papers,
    map_methods,
    pick_and_ship,
    read_figures,
    record_payments,
    return_order,
    set_up_seller,
)
from console.demo.run import ACCOUNT, MINUTES, SECRETS, clear_folder, settings_of
from console.machine.up import LOCK_FILE, UpError, taken
from flows.article_import import article_import
from flows.invoicing import invoicing
from flows.order_import import order_import
from flows.order_release import order_release
from flows.payment_sync import payment_sync
from flows.shipping_sync import shipping_sync
from flows.stock_export import stock_export
from models.database.session import session_scope
from models.intake.activation import set_mode
from models.sync.cycles import CYCLES, has_cycle_now
from models.tenants.account import Account, add_account
from models.tenants.records import Mode
from models.tenants.tenant import add_tenant
from tasks.run.secrets import save_secrets
from tests.support.prefect_server import find_port
from tests.support.running import ROOT

LOOK_AROUND = """
import json, os
from pathlib import Path
from console.demo.run import use_folder
from models.settings import get_settings
use_folder(get_settings().data_dir / "demo")
prefect = [name for name in os.environ if name.startswith("PREFECT_")]
print(json.dumps({"settings": get_settings().model_dump(mode="json"), "prefect": prefect}))
"""
DEMO = "import sys; from console.demo.run import run_demo; sys.exit(run_demo(True))"


@pytest.fixture
def simulator(sqlite_database: str, prefect_api: str) -> Iterator[Simulator]:
    """A small shop, and the account that the demo makes for it."""
    with Simulator(sample_state(products=60, orders=40)) as simulator:
        with session_scope() as session:
            tenant = add_tenant(session, "Sonnenhof")
            set_up_seller(session, tenant.name)
            settings = settings_of(simulator.url)
            account = add_account(session, tenant.row_id, ACCOUNT, "afterbuy", settings)
            set_mode(session, account, Mode.live)
        save_secrets(ACCOUNT, SECRETS)
        yield simulator


def test_what_differs_at_the_channel_is_found(simulator: Simulator, tmp_path: Path) -> None:
    """After all cycles nothing differs; each kind of change at the channel is then named in a sentence."""
    with Channel(simulator.port) as channel:
        show_differences(simulator, channel, tmp_path / "papers")


def show_differences(simulator: Simulator, channel: Channel, folder: Path) -> None:
    article_import(ACCOUNT)
    order_import(ACCOUNT)
    map_methods(ACCOUNT)
    day = Day(paid=record_payments(ACCOUNT, 2), counted=count_stock(ACCOUNT, 5))
    order_release(ACCOUNT)
    pick_and_ship(ACCOUNT, 2, day)
    assert (len(day.paid), len(day.shipped), day.counted) == (2, 2, 5)
    assert day.picked_units >= 2
    invoicing(ACCOUNT)
    return_order(ACCOUNT, day)
    assert any("were not published" in sentence for sentence in compare_channel(ACCOUNT, day, channel))
    stock_export(ACCOUNT)
    payment_sync(ACCOUNT)
    shipping_sync(ACCOUNT)

    assert compare_channel(ACCOUNT, day, channel) == []
    pages = draw_papers(ACCOUNT, day, folder)
    assert pages == {"slips.pdf": 2, "labels.pdf": 1, "invoices.pdf": 2, "credit-notes.pdf": 1}
    assert {file.name for file in folder.iterdir()} == set(pages)
    figures = read_figures(ACCOUNT)
    assert figures.orders > 20
    assert sum(figures.held.values()) >= figures.unmatched_lines

    paid, (shipped, *_) = int(day.paid[0]), day.shipped
    simulator.state.order(paid).already_paid += 1
    simulator.state.order(int(shipped)).delivery_date = None
    simulator.state.order(int(shipped)).additional_info = ""
    simulator.state.order(int(shipped)).parcel_labels = []
    for product in simulator.state.products.values():
        product.quantity += 1
    wrong = compare_channel(ACCOUNT, day, channel)
    for part in (f"Order {paid} is paid", "no delivery date", "lacks tracking number", "was published"):
        assert any(part in sentence for sentence in wrong), part


def test_every_cycle_goes_on_after_the_first_round() -> None:
    """None is forgotten of those that its account has."""
    account = Account(
        tenant_id=1, name=ACCOUNT, kind="afterbuy", settings=settings_of("http://channel.example")
    )
    assert set(MINUTES) == {
        cycle
        for cycle, spec in CYCLES.items()
        if spec.every_minutes is not None and has_cycle_now(account, cycle)
    }


def test_an_error_is_one_sentence(data_dir: Path) -> None:
    """A demo that cannot start says why, ends with 1 and leaves the real installation alone."""
    (data_dir / "demo").write_text("in the way")

    done = subprocess.run(
        [sys.executable, "-c", DEMO],
        env=dict(os.environ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr == f"{data_dir / 'demo'} is in the way: it has to be a folder.\n"
    assert [path.name for path in data_dir.iterdir()] == ["demo"]


def test_the_demo_knows_nothing_of_the_real_installation(data_dir: Path) -> None:
    """Neither its database and mail server nor its Prefect server; its language is the user's."""
    (data_dir / "real.env").write_text("WARENFLUSS_SMTP_HOST=mail.example\n")
    env = os.environ | {
        "WARENFLUSS_ENV_FILE": str(data_dir / "real.env"),
        "WARENFLUSS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "WARENFLUSS_PUBLIC_URL": "https://flow.example",
        "WARENFLUSS_LANGUAGE": "en",
        "WARENFLUSS_PREFECT_PORT": str(find_port()),
    }

    done = subprocess.run(
        [sys.executable, "-c", LOOK_AROUND], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    folder = data_dir / "demo"
    assert seen["settings"]["data_dir"] == str(folder)
    assert seen["settings"]["database_url"] == f"sqlite:///{folder / 'warenfluss.db'}"
    assert seen["settings"]["smtp_host"] == ""
    assert seen["settings"]["public_url"] == "http://127.0.0.1:4200/"
    assert seen["settings"]["language"] == "en"
    assert seen["prefect"] == []


def test_a_demo_begins_with_nothing(data_dir: Path) -> None:
    """What an earlier one left is removed; one that runs is let alone."""
    folder = data_dir / "demo"
    (folder / "prefect").mkdir(parents=True)
    (folder / "prefect" / "prefect.db").touch()
    (folder / "warenfluss.db").touch()
    with taken(folder), pytest.raises(UpError, match="already up"):
        clear_folder(folder)
    assert (folder / "warenfluss.db").exists()

    clear_folder(folder)

    assert [path.name for path in folder.iterdir()] == [LOCK_FILE]
