"""The machine detects deliberately broken builds and names the broken law."""

import pytest

from tests.faults.broken_builds import BrokenBuild, builds
from tests.faults.machine import tell
from tests.support.smtp import SmtpServer


@pytest.mark.timeout(600)
@pytest.mark.parametrize("build", builds(), ids=lambda build: f"law {build.law}, {build.name}")
def test_a_broken_build_is_found_out(build: BrokenBuild, mail_box: SmtpServer) -> None:
    """The machine names the law that the build breaks."""
    with build.broken():
        found = tell(build.schedule, mail_box).broken

    assert found is not None
    assert found.law == build.law, str(found)


@pytest.mark.timeout(600)
def test_the_same_stories_break_nothing_otherwise(mail_box: SmtpServer) -> None:
    """The unbroken build keeps every law in the longest of these stories."""
    story = max(builds(), key=lambda build: len(build.steps)).schedule

    assert tell(story, mail_box).broken is None
