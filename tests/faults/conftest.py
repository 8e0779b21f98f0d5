"""Fixtures of a story, and the summary of all stories."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.machine import Story
from tests.faults.world import OPERATOR
from tests.support import session
from tests.support.smtp import SmtpServer


@pytest.fixture
def mail_box(
    request: pytest.FixtureRequest,
    data_dir: Path,
    prefect_api: str,
    smtp_server: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> SmtpServer:
    """The operators' mail server. The settings name it and a new database; steps retry without delay.

    A test may request PostgreSQL by its parameter.
    """
    from models.settings import get_settings

    values = {
        "DATABASE_URL": request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url"),
        "RETRY_DELAYS": "0",
        "SMTP_HOST": smtp_server.host,
        "SMTP_PORT": str(smtp_server.port),
        "MAIL_TO": OPERATOR,
    }
    for name, value in values.items():
        monkeypatch.setenv(f"WARENFLUSS_{name}", value)
    get_settings.cache_clear()
    return smtp_server


def note(story: Story) -> None:
    """Add the figures of a story to the summary."""
    line = {"delivered": story.delivered, "checked": story.checked, "broken": str(story.broken or "")}
    with session.exclusive("stories"), _file().open("a") as file:
        file.write(json.dumps(line) + "\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many stories ran, which faults occurred and how often each law was checked."""
    if not _file().exists():
        return
    stories = [json.loads(line) for line in _file().read_text().splitlines()]
    struck, checked = Counter[str](), Counter[str]()
    for story in stories:
        struck.update(story["delivered"])
        checked.update(story["checked"])
    quiet = sum(not story["delivered"] for story in stories)
    write = terminalreporter.write_line
    terminalreporter.section("faults")
    write(f"{len(stories) - quiet} stories with bad luck, {quiet} without any, which count for nothing")
    write(f"{sum(bool(story['broken']) for story in stories)} broke a law")
    write("struck:  " + ", ".join(f"{name} {count}" for name, count in struck.most_common()))
    write("looked at:  " + ", ".join(f"law {law} {count}" for law, count in sorted(checked.items())))


def _file() -> Path:
    return session.get_folder() / "stories.jsonl"
