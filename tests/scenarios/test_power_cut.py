"""A power cut: what a request, a mail or a printed number rests on is on the disk before it leaves.

A process runs under `strace`, which records each write, each sync and all that leaves the process.
"""

from pathlib import Path

import pytest
from sqlmodel import col, select

from connectors.afterbuy.simulator import Simulator
from flows.buyer_mail import buyer_mail
from flows.stock_export import stock_export
from models.clock import utc_now
from models.database.engine import dispose
from models.database.session import read_scope, session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.mails.outbox import Mail
from models.orders.queries import find_order
from models.settings import get_settings
from models.sync.records import OPEN, Cycle
from models.tenants.account import get_account
from models.tenants.tenant import Tenant
from tests.flows.conftest import Shop, open_shop
from tests.support.alarm_steps import use_mail_server
from tests.support.builders import SELLER
from tests.support.buyer_mail import BANK
from tests.support.cli_steps import call, read
from tests.support.plain_runs import run_plainly
from tests.support.smtp import SmtpServer
from tests.support.steps import add_mug, calls, expire_lease, outbound, prepare, set_stock
from tests.support.strace import Disk, record, unsynced_files


@pytest.fixture
def shop(
    sqlite_file: str,
    simulator: Simulator,
    smtp_server: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    """Two orders that left and are to be invoiced, with mails to their buyers and a changed stock."""
    use_mail_server(monkeypatch, smtp_server)
    # The process gets the secrets as arguments, and so needs no Prefect server.
    monkeypatch.setattr("tests.flows.conftest.save_secrets", lambda *_: None)
    shop = open_shop(simulator, buyer_mails="all", invoices="warenfluss", invoices_from="2020-01-01")
    with session_scope() as session:
        tenant = session.get_one(Tenant, get_account(session, shop.name).tenant_id)
        tenant.seller, tenant.bank, tenant.title = SELLER, BANK, "Nordlicht"
        session.add(tenant)
    mug = add_mug(shop, 50)
    orders = [shop.channel.place_order([(mug.id, 2)]) for _ in range(2)]
    prepare(shop, Cycle.article_import, Cycle.order_import)
    with session_scope() as session:
        for theirs in orders:
            order = find_order(session, str(theirs.order_id))
            record_shipment(session, order, "DHL", [ParcelData()], utc_now())
    set_stock(shop, BECHER_1=30)
    # The last connection that is closed moves everything into the database file.
    dispose()
    return shop


def tell(account: str, partner_token: str, account_token: str, order: str) -> None:
    """Publish a stock, mail the buyers and issue an invoice; in a process of its own."""
    from console.cli.app import app

    secrets = {"partner_token": partner_token, "account_token": account_token}
    for flow in (stock_export, buyer_mail):
        assert run_plainly(flow, account, secrets).is_completed()
    app(["order", "invoice", order], standalone_mode=False)


def test_what_leaves_rests_on_the_disk(
    shop: Shop, sqlite_file: str, smtp_server: SmtpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the request is known as begun, the mail as claimed, and the number as given."""
    first, second = sorted(str(number) for number in shop.channel.orders)
    file = Path(sqlite_file.removeprefix("sqlite:///"))
    disk = Disk(file, file.with_name(f"{file.name}-wal"))
    switches = shop.simulator.switches
    events = record(tell, shop.name, switches.partner_token, switches.account_token, first, folder=tmp_path)

    ports = {str(smtp_server.port), shop.simulator.url.rpartition(":")[2].partition("/")[0]}
    moments = {
        "request": b"UpdateShopProducts",
        "mail": b"\r\nSubject: ",
        "number": b"00001 was issued",
    }
    left: dict[str, Path] = {}
    unsynced = []
    for event in events:
        disk.see(event)
        leaves = event.path in ports or (event.name == "write" and event.path.startswith("pipe:"))
        if leaves:
            unsynced += [(event.data[:40], name) for name in disk.unsynced if name.endswith("-wal")]
        for moment, words in moments.items():
            if leaves and moment not in left and words in event.data:
                left[moment] = tmp_path / moment
                left[moment].mkdir()
                disk.cut_power(left[moment])
    assert list(left) == list(moments)
    assert unsynced == []

    use(left["request"] / file.name, monkeypatch)
    assert calls(shop, failed=True) == [("UpdateShopProducts", OPEN, [])]
    assert ("stock", "sending") in outbound(shop)
    expire_lease(shop)
    prepare(shop, Cycle.stock_export)
    assert ("stock", "sent") in outbound(shop)
    assert shop.simulator.effects_by_name["UpdateShopProducts"] == 1

    use(left["mail"] / file.name, monkeypatch)
    with read_scope() as session:
        assert session.exec(select(Mail.claim).order_by(col(Mail.id))).first() != ""

    use(left["number"] / file.name, monkeypatch)
    assert call("order", "invoice", second).exit_code == 0
    year = utc_now().year
    assert [row["label"] for row in read("document", "list")] == [f"RE-{year}-00002", f"RE-{year}-00001"]


def write_files(folder: str, order: str, buyer: str) -> None:
    """Call every command that writes a file, each kind of file once; in a process of its own."""
    from console.cli.app import app

    for arguments in (
        ["db", "backup", f"{folder}/backup"],
        ["order", "export", f"{folder}/orders.csv"],
        ["stock", "export", f"{folder}/stock.xlsx"],
        ["order", "invoice", order],
        ["document", "save", f"RE-{utc_now().year}-00001", f"{folder}/invoice.pdf"],
        ["paper", "slip", order, "--output", f"{folder}/slip.pdf"],
        ["buyer", "export", buyer, f"{folder}/buyer.zip"],
        ["db", "restore", f"{folder}/backup", "--replace"],
    ):
        app(arguments, standalone_mode=False)


def test_a_file_is_on_the_disk_before_its_command_says_so(shop: Shop, tmp_path: Path) -> None:
    """The file, its name in the folder, and the database that was restored."""
    order = str(min(shop.channel.orders))
    (tmp_path / "out").mkdir()

    events = record(write_files, str(tmp_path / "out"), order, order, folder=tmp_path)

    written = unsynced_files(events, tmp_path, f"{tmp_path}/out/".encode())
    names = ("backup", "orders.csv", "stock.xlsx", "invoice.pdf", "slip.pdf", "buyer.zip", "backup")
    assert [name in line for name, line in zip(names, written, strict=True)] == [True] * len(names)
    assert list(written.values()) == [[]] * len(names)


def use(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start again with what a power cut left."""
    dispose()
    monkeypatch.setenv("WARENFLUSS_DATABASE_URL", f"sqlite:///{file}")
    get_settings.cache_clear()
