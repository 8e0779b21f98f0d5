"""The guide for going live is true to the code."""

from pathlib import Path

from models.settings import PREFIX, Settings
from models.sync.cycles import CYCLES

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
    for cycle, spec in CYCLES.items():
        assert spec.every_minutes is None or any(
            line.startswith("|") and cycle in line and f" {spec.every_minutes} minutes" in line
            for line in GUIDE.splitlines()
        ), cycle
