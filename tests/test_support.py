"""The fixtures keep what they promise."""

import os
import smtplib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from tests.support.network import OutsideNetworkError
from tests.support.postgres import PostgresServer
from tests.support.required import missing
from tests.support.smtp import SmtpServer

if TYPE_CHECKING:
    from playwright.sync_api import Page


def send(server: SmtpServer, subject: str) -> None:
    with smtplib.SMTP(server.host, server.port, timeout=5) as client:
        client.sendmail("shop@example.test", ["ops@example.test"], f"Subject: {subject}\r\n\r\nHallo\r\n")


def test_outside_is_out_of_reach() -> None:
    """Neither an address nor a name beyond this machine can be reached."""
    with socket.socket() as outside, pytest.raises(OutsideNetworkError, match=r"203\.0\.113\.1"):
        outside.connect(("203.0.113.1", 80))
    with pytest.raises(OutsideNetworkError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)


def test_loopback_is_in_reach() -> None:
    """Servers on this machine answer as ever."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_what_is_required_fails_instead_of_being_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """`WARENFLUSS_REQUIRE` turns a skip into a failure, for the names in it only."""
    monkeypatch.setenv("WARENFLUSS_REQUIRE", "browser,postgres")
    with pytest.raises(pytest.fail.Exception, match="postgres is required here: gone"):
        missing("postgres", "gone")
    with pytest.raises(pytest.skip.Exception, match="scanner: gone"):
        missing("scanner", "gone")


def test_postgres_databases_are_apart(postgres_server: PostgresServer) -> None:
    """Two databases of one cluster share nothing, and an open connection does not keep one alive."""
    with postgres_server.database() as first, postgres_server.database() as second:
        writer = create_engine(first)
        connection = writer.connect()
        connection.execute(text("CREATE TABLE mug (id int)"))
        connection.commit()
        reader = create_engine(second)
        with reader.connect() as other:
            assert other.execute(text("SELECT to_regclass('mug')")).scalar() is None
        reader.dispose()
    connection.invalidate()
    connection.close()
    writer.dispose()


def test_settings_name_the_fresh_database(database: str, data_dir: Path) -> None:
    """Code that asks the settings gets the test's own, migrated database."""
    from models.database.session import read_scope
    from models.settings import get_settings

    assert (get_settings().database_url, get_settings().data_dir) == (database, data_dir)
    with read_scope() as session:
        assert session.connection().execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1


def test_mail_server_keeps_mails_over_an_outage(smtp_server: SmtpServer) -> None:
    """It takes mails, refuses when told to, goes away and comes back on the same port."""
    send(smtp_server, "one")
    smtp_server.refuse = True
    with pytest.raises(smtplib.SMTPDataError):
        send(smtp_server, "refused")
    smtp_server.refuse = False
    smtp_server.stop()
    with pytest.raises(OSError, match="refused"):
        send(smtp_server, "away")
    smtp_server.start()
    send(smtp_server, "two")

    assert [message["Subject"] for message in smtp_server.wait_for(2)] == ["one", "two"]
    assert smtp_server.recipients == [["ops@example.test"]] * 2
    assert smtp_server.refused == 1


def test_flows_run_against_the_shared_server(prefect_api: str) -> None:
    """A flow's run is known to the server, and environment and settings name the same one."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import State, StateType

    @flow(name="test-support-flow")
    def add(left: int, right: int) -> int:
        return left + right

    state: State[int] = add(1, 2, return_state=True)

    assert os.environ["PREFECT_API_URL"] == prefect_api
    with get_client(sync_client=True) as client:
        assert state.state_details.flow_run_id is not None
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.state_type == StateType.COMPLETED


def test_browser_opens_pages_of_this_machine_only(page: "Page", tmp_path: Path) -> None:
    """A local page is shown; a name beyond this machine is not found."""
    from playwright.sync_api import Error

    file = tmp_path / "page.html"
    file.write_text("<h1>Grüße</h1>", encoding="utf-8")
    page.goto(file.as_uri())
    assert page.inner_text("h1") == "Grüße"
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://example.org/")
