"""Stories drawn by seed: every law holds, whatever faults occur."""

import pytest

from tests.faults.conftest import note
from tests.faults.machine import tell
from tests.faults.schedule import draw
from tests.support.smtp import SmtpServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each seed, on SQLite and PostgreSQL in turn."""
    if "seed" in metafunc.fixturenames:
        first, count = (metafunc.config.getoption(name) for name in ("--first-seed", "--schedules"))
        seeds = range(first, first + count)
        kinds = [(seed, "postgres" if seed % 2 else "sqlite") for seed in seeds]
        metafunc.parametrize(("seed", "mail_box"), kinds, indirect=["mail_box"])


@pytest.mark.timeout(600)
def test_every_law_holds(seed: int, mail_box: SmtpServer) -> None:
    """After a story with faults, both sides agree and every failure was reported."""
    story = tell(draw(seed), mail_box)
    note(story)

    assert not story.broken, "\n  ".join(["", *story.told, str(story.broken)])
