"""The guide for going live is true to the code."""

from pathlib import Path

from deployments.accounts import MINUTES
from models.settings import PREFIX, Settings

GUIDE = (Path(__file__).parents[2] / "docs" / "going-live.md").read_text("utf-8")


def test_the_guide_names_every_setting() -> None:
    """A setting that is added is described."""
    names = [f"{PREFIX}{name}".upper() for name in Settings.model_fields]
    shortened = [f"`_{name}`".upper() for name in Settings.model_fields]
    missing = [
        name for name, short in zip(names, shortened, strict=True) if name not in GUIDE and short not in GUIDE
    ]
    assert not missing


def test_the_guide_names_the_intervals() -> None:
    """The table of schedules says what a new account gets."""
    for cycle, minutes in MINUTES.items():
        assert any(
            line.startswith("|") and cycle in line and f" {minutes} minutes" in line
            for line in GUIDE.splitlines()
        ), cycle
