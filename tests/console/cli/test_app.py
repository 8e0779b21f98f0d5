"""The command line as a whole: quick to start, plain to read, and the same in its documentation."""

import json
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from prefect.settings import PREFECT_API_URL, temporary_settings

from console.cli.app import COMMANDS, app
from console.cli.doctor import explain_service
from deployments.work_pool import PoolService
from models.database.engine import dispose, get_engine
from models.database.schema import migration_config, newest_revision
from models.database.session import session_scope
from models.sync.delivery import list_outbound, mark_failed
from models.sync.outbound import OutboundState, queue_outbound
from models.sync.records import Counts, Cycle, OutboundKind, RejectedData
from models.sync.rejected import set_aside
from models.sync.runs import RunState, begin_run, finish_run
from models.sync.schedules import save_rhythm
from models.tenants.records import Mode
from tests.support.cli_steps import article, bundle, call, open_shop, read, refused, take_articles
from tests.support.smtp import SmtpServer

ROOT = Path(__file__).parents[3]
SEEN_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
READING = [
    ("tenant", "list"),
    ("account", "list"),
    ("order", "list"),
    ("article", "list"),
    ("stock", "list"),
    ("match", "list"),
    ("aside", "list"),
    ("outbound", "list"),
    ("run", "list"),
    ("schedule", "list"),
]


def every_command() -> list[str]:
    """Return all commands as they are typed."""
    names = []
    group: Any = typer.main.get_command(app)
    for noun in COMMANDS:
        command = group.get_command(None, noun)
        verbs = getattr(command, "commands", None)
        names += [f"{noun} {verb}" for verb in verbs] if verbs else [noun]
    return names


def test_the_documentation_names_every_command_and_option() -> None:
    """Each command has its heading, and each option stands below it."""
    text = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    sections = {
        part.partition("\n")[0].strip("` "): part for part in text.replace("\n### ", "\n## ").split("\n## ")
    }
    missing = [name for name in every_command() if f"warenfluss {name}" not in sections]
    group: Any = typer.main.get_command(app)
    for name in set(every_command()) - set(missing):
        noun, _, verb = name.partition(" ")
        command = group.get_command(None, noun)
        command = command.commands[verb] if verb else command
        missing += [
            f"{name} {option}"
            for parameter in command.params
            for option in parameter.opts
            if option.startswith("--") and f"{option}" not in sections[f"warenfluss {name}"]
        ]
    assert missing == []


def test_every_command_explains_itself() -> None:
    """`--help` works for each, in one process, and shows its docstring."""
    for name in every_command():
        result = call(*name.split(), "--help")
        assert result.exit_code == 0, name
        assert "Usage:" in result.stdout, name


def test_lists_import_neither_prefect_nor_pandas(sqlite_database: str) -> None:
    """What takes seconds to import is imported by those commands alone that need it."""
    code = (
        "import sys; from console.cli.app import app; "
        "app(['order', 'list', '--json'], standalone_mode=False); "
        "slow = {'prefect', 'pandas', 'alembic', 'connectors', 'rich'} & set(sys.modules); "
        "sys.stderr.write(' '.join(sorted(slow)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (json.loads(done.stdout), done.stderr) == ([], "")


def test_a_database_without_tables(data_dir: Path) -> None:
    """Reading tells what to do and makes no file; the first writing command makes the tables."""
    for command in READING:
        assert refused(*command) == "The database has no tables yet: run `warenfluss db upgrade`."
    assert not list(data_dir.glob("*.db"))

    assert call("tenant", "add", "acme").exit_code == 0

    assert [row["name"] for row in read("tenant", "list")] == ["acme"]
    dispose()


def test_a_data_folder_that_cannot_be(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder should be: one sentence, no traceback."""
    from models.settings import get_settings

    (data_dir / "taken").write_text("", "utf-8")
    monkeypatch.setenv("WARENFLUSS_DATA_DIR", str(data_dir / "taken"))
    get_settings.cache_clear()

    assert "set WARENFLUSS_DATA_DIR to another" in refused("tenant", "add", "acme")


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        ("0000", "The database is of an older version: run `warenfluss db upgrade`."),
        ("9999", "The database was made by a newer version of Warenfluss: update the program."),
        ("a1b2c3", "The database holds tables that are not Warenfluss's"),
    ],
)
def test_a_database_of_another_version(database: str, revision: str, sentence: str) -> None:
    """Nothing is migrated behind the operator's back."""
    with get_engine().begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")

    assert sentence in refused("order", "list")
    assert sentence in refused("tenant", "add", "other")


def test_a_database_that_is_not_reached(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence without the password."""
    from models.settings import get_settings

    monkeypatch.setenv(
        "WARENFLUSS_DATABASE_URL", "postgresql://user:s3cret@127.0.0.1:1/none?connect_timeout=2"
    )
    get_settings.cache_clear()

    sentence = refused("order", "list")

    assert "cannot be reached" in sentence
    assert "s3cret" not in sentence


def test_the_head_is_the_last_file() -> None:
    """The quick look at file names agrees with Alembic."""
    from alembic.script import ScriptDirectory

    assert newest_revision() == ScriptDirectory.from_config(migration_config("sqlite://")).get_current_head()


def test_migrating_there_and_back(
    empty_database_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`db upgrade` makes the tables and is repeatable; an unknown revision is refused in one sentence."""
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_DATABASE_URL", empty_database_url)
    get_settings.cache_clear()

    assert call("db", "upgrade").exit_code == 0
    assert "up to date" in call("db", "upgrade").stderr
    assert read("tenant", "list") == []
    assert "no way to revision 'nix'" in refused("db", "upgrade", "--revision", "nix")
    assert call("db", "downgrade", "base", given="n\n").exit_code == 1
    assert read("tenant", "list") == []
    assert call("db", "downgrade", "base", "--yes").exit_code == 0
    assert "no tables yet" in refused("tenant", "list")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("order", "list", "--state", "nowhere"),
        ("order", "list", "--limit", "-1"),
        ("sync", "order-import"),
        ("sync", "coffee", "--account", "shop"),
        ("sync", "stock-export", "--account", "shop", "--since", "2026-01-01"),
        ("sync", "order-import", "--account", "shop", "--since", "gestern"),
        ("sync", "order-import", "--account", "shop", "--full"),
        ("outbound", "retry"),
        ("schedule", "set", "shop", "order-import"),
        ("stock", "set", "MUG", "-1"),
        ("account", "add", "x", "--kind", "afterbuy", "--tenant", "acme", "--set", "novalue"),
        ("tenant", "set", "acme", "--currency", "EURO"),
        ("simulator", "afterbuy", "--switch", "nix=1"),
    ],
)
def test_a_wrong_option_is_exit_code_2(sqlite_database: str, arguments: tuple[str, ...]) -> None:
    """Usage errors differ from refusals, and nothing is printed to standard output."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_tenants_rules_come_from_a_file(database: str, tmp_path: Path) -> None:
    """The order of matching is read as a whole or refused naming the rule."""
    call("tenant", "add", "acme", "--title", "Acme GmbH", "--currency", "chf")
    file = tmp_path / "rules.json"
    file.write_text('[{"by": "gtin", "ignore": ["leading_zeros"]}, {"by": "sku"}]', "utf-8")
    assert call("tenant", "set", "acme", "--match-rules", str(file)).exit_code == 0
    file.write_text('[{"by": "gtin"}, {"by": "smell"}]', "utf-8")
    assert "Matching rule 2 is wrong at 'by'" in refused("tenant", "set", "acme", "--match-rules", str(file))

    (row,) = read("tenant", "list")
    assert (row["title"], row["currency"], len(row["match_rules"])) == ("Acme GmbH", "CHF", 2)
    assert refused("tenant", "add", "acme") == "Tenant 'acme' exists already."


def test_an_account_needs_its_tenant_and_fitting_settings(sqlite_database: str) -> None:
    """What is wrong is named before anything is saved or Prefect is started; secrets are not repeated."""
    add = (
        "account",
        "add",
        "shop",
        "--kind",
        "afterbuy",
        "--tenant",
        "acme",
        "--secret",
        "partner_token=s3cret",
    )
    assert "`warenfluss tenant add acme` adds it" in refused(*add)
    call("tenant", "add", "acme")

    sentence = refused(*add, "--set", "base_url=ftp://nowhere", "--set", "colour=red")

    assert "'colour'" in sentence
    assert "'base_url'" in sentence
    assert "account_token is missing" in sentence
    assert "s3cret" not in sentence
    assert "There is no kind of account 'ebay'" in refused(
        "account", "add", "x", "--kind", "ebay", "--tenant", "acme"
    )
    assert read("account", "list") == []


def test_stock_by_hand(database: str) -> None:
    """Counted stock is seen in lists, for bundles by their parts; channels are told."""
    open_shop()
    take_articles(article("MUG", 10), article("CUP", 3), bundle("SET", MUG=2, CUP=1))

    assert call("stock", "set", "MUG", "3").exit_code == 0

    rows = {row["sku"]: (row["on_hand"], row["available"]) for row in read("stock", "list")}
    assert rows == {"CUP": (3, 3), "MUG": (3, 3), "SET": (1, 1)}
    assert "SET is a bundle" in refused("stock", "set", "SET", "3")
    assert "There is no article with SKU 'NIX'" in refused("stock", "set", "NIX", "3")
    assert "There is no warehouse 'attic'" in refused("stock", "set", "MUG", "3", "--warehouse", "attic")
    assert call("stock", "warehouse", "attic", "--priority", "5").exit_code == 0
    assert call("stock", "set", "MUG", "4", "--warehouse", "attic").exit_code == 0
    (mug,) = read("stock", "list", "MUG")
    assert [(place["warehouse"], place["on_hand"]) for place in mug["warehouses"]] == [
        ("main", 3),
        ("attic", 4),
    ]
    assert [row["sku"] for row in read("article", "list", "--limit", "1")] == ["CUP"]
    assert read("article", "show", "SET")["parts"] == [
        {"sku": "MUG", "quantity": 2},
        {"sku": "CUP", "quantity": 1},
    ]


def test_what_is_held_back_from_a_channel(database: str) -> None:
    """Limits are set for account and article, listed by SKU and taken away again."""
    open_shop()
    take_articles(article("MUG"))
    assert call("stock", "limit", "shop", "--buffer", "2").exit_code == 0
    rows = read("stock", "limit", "shop", "--sku", "MUG", "--maximum", "5")
    assert [(row["scope"], row["of"], row["buffer"], row["maximum"]) for row in rows] == [
        ("account", "", 2, None),
        ("article", "MUG", 0, 5),
    ]
    assert call("stock", "limit", "shop", "--sku", "MUG", "--remove").exit_code == 0
    assert len(read("stock", "limit", "shop")) == 1
    assert refused("stock", "limit", "shop", "--sku", "MUG", "--remove") == "There is no such limit."


def test_importing_spreadsheets(database: str, tmp_path: Path) -> None:
    """The report goes to standard output, its sum to standard error; refused rows make exit code 1."""
    open_shop()
    file = tmp_path / "a.csv"
    file.write_text("sku;Titel;Lagerplatz\nMUG;Becher;A1\n;;\nCUP;Tasse;\n", "utf-8")
    result = call("article", "import", str(file), "--dry-run")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "Columns that were not read: Lagerplatz.",
        "Would be: 2 new, 0 changed, 0 unchanged, 0 refused of 2 rows.",
    ]
    assert read("article", "list") == []
    assert [row["outcome"] for row in read("article", "import", str(file))] == ["new", "new"]
    stock = tmp_path / "s.csv"
    stock.write_text("sku;Bestand\nMUG;5\nNIX;5\n", "utf-8")

    result = call("stock", "import", str(stock), "--json")

    assert result.exit_code == 1
    assert [row["outcome"] for row in json.loads(result.stdout)] == ["changed", "refused"]
    assert read("stock", "list")[0]["on_hand"] == 5
    assert (
        refused("article", "import", str(tmp_path / "nix.csv"))
        == "nix.csv cannot be read: No such file or directory."
    )


def test_what_waits_for_people(database: str) -> None:
    """Records set aside with their raw form, and parked changes that are let go again."""
    open_shop()
    with session_scope() as session:
        set_aside(session, 1, [RejectedData(kind="order", external_id="77", reason="no lines", raw="<x/>")])
        queue_outbound(session, 1, OutboundKind.stock, ["5"])
        (row,) = list_outbound(session, [OutboundState.pending])
        mark_failed(session, row, "refused", final=True)
    (entry,) = read("aside", "list")
    assert (entry["kind"], entry["external_id"], entry["reason"]) == ("order", "77", "no lines")
    assert read("aside", "show", "77")["raw"] == "<x/>"
    assert "No record 'nix' was set aside" in refused("aside", "show", "nix")
    (parked,) = read("outbound", "list", "--state", "parked")

    assert call("outbound", "retry", str(parked["id"])).exit_code == 0

    assert [row["state"] for row in read("outbound", "list")] == ["pending"]
    assert call("outbound", "retry", str(parked["id"])).exit_code == 1


def test_runs_and_schedules(database: str) -> None:
    """The last runs with what they did, and how often cycles are due."""
    open_shop()
    with session_scope() as session:
        run = begin_run(session, 1, Cycle.order_import)
        finish_run(session, run.id or 0, RunState.completed, Counts(read=3, new=2))
        save_rhythm(session, 1, Cycle.order_import, 300, active=True)
    (shown,) = read("run", "list", "--account", "shop", "--cycle", "order-import")
    assert (shown["state"], shown["counts"]["new"]) == ("completed", 2)
    assert "read 3, new 2" in call("run", "list").stdout
    (rhythm,) = read("schedule", "list")
    assert (rhythm["cycle"], rhythm["minutes"], rhythm["active"]) == ("order-import", 5.0, True)


def test_a_draft_is_refused_before_prefect_starts(sqlite_database: str) -> None:
    """The sentence names the command that opens the account."""
    open_shop(Mode.draft)
    assert refused("sync", "order-import", "--account", "shop") == (
        "Account 'shop' is a draft; `warenfluss account mode shop test` opens it."
    )


@pytest.fixture
def no_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Prefect server is named."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def _subjects(*arguments: str) -> tuple[int, dict[str, bool]]:
    result = call("doctor", "--json", *arguments)
    return result.exit_code, {each["subject"]: each["urgent"] for each in json.loads(result.stdout)}


def test_doctor_without_tables(data_dir: Path) -> None:
    """The first thing missing is named with what to do."""
    result = call("doctor")
    assert result.exit_code == 1
    assert "Run `warenfluss db upgrade`." in result.stdout


def test_doctor_of_a_fresh_installation(sqlite_database: str, no_prefect: None) -> None:
    """Before anything is live there is nothing urgent."""
    assert _subjects() == (0, {"mail": False, "Prefect": False, "accounts": False})


def test_doctor_finds_what_needs_a_person(
    sqlite_database: str, no_prefect: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live account makes silence, a missing server and parked changes urgent."""
    from models.settings import get_settings

    open_shop()
    with session_scope() as session:
        queue_outbound(session, 1, OutboundKind.stock, ["5"])
        (row,) = list_outbound(session, [OutboundState.pending])
        mark_failed(session, row, "refused", final=True)
    assert _subjects() == (1, {"mail": True, "Prefect": True, "shop": True})

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("WARENFLUSS_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("WARENFLUSS_SMTP_PORT", str(port))
    monkeypatch.setenv("WARENFLUSS_MAIL_TO", "ops@acme.example")
    get_settings.cache_clear()
    result = call("doctor")
    assert result.exit_code == 1
    assert "The mail server takes no mail" in result.stdout


def test_doctor_likes_a_mail_server_that_answers(
    sqlite_database: str, no_prefect: None, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is asked, and no mail is sent."""
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("WARENFLUSS_SMTP_PORT", str(smtp_server.port))
    monkeypatch.setenv("WARENFLUSS_MAIL_TO", "ops@acme.example")
    get_settings.cache_clear()

    assert "mail" not in _subjects()[1]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (None, ["Prefect knows no work pool of Warenfluss, so no cycle runs by itself."]),
        (PoolService(online=1, last_seen_at=SEEN_AT), []),
        (
            PoolService(last_seen_at=SEEN_AT),
            ["No worker takes runs; the last sign of one: 2026-03-02 10:30."],
        ),
        (
            PoolService(is_paused=True),
            [
                "The work pool is paused, so no cycle begins.",
                "No worker takes runs; the last sign of one: never.",
            ],
        ),
    ],
)
def test_doctor_knows_who_takes_runs(service: PoolService | None, said: list[str]) -> None:
    """A server alone runs nothing; what is missing is urgent and has its advice."""
    findings = list(explain_service(service))
    assert [finding.message for finding in findings] == said
    assert all(finding.urgent and finding.advice for finding in findings)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (HTTPStatus.UNAUTHORIZED, "Check PREFECT_API_AUTH_STRING or PREFECT_API_KEY."),
        (HTTPStatus.NOT_FOUND, "Prefect knows no work pool of Warenfluss"),
    ],
)
def test_doctor_asks_the_server_of_prefect_for_workers(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, status: HTTPStatus, said: str
) -> None:
    """A server that answers is asked who serves it, if any account needs one; no answer is no traceback."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK if self.path.endswith("/health") else status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    open_shop()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        with temporary_settings({PREFECT_API_URL: url}):
            result = call("doctor")
        server.shutdown()

    assert result.exit_code == 1
    assert said in result.stdout
