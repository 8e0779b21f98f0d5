"""The lock files pin all that pyproject.toml asks for, exactly and with hashes."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
DEVELOPMENT: list[str] = PROJECT["dependency-groups"]["dev"]
BENCHMARKS: list[str] = PROJECT["dependency-groups"]["bench"]
INSTALLATION: list[str] = PROJECT["dependency-groups"]["install"]
LOCKS = {
    "requirements-pip.lock": INSTALLATION,
    "requirements.lock": RUNTIME,
    "requirements-bench.lock": [*RUNTIME, *BENCHMARKS],
    "requirements-dev.lock": [*RUNTIME, *DEVELOPMENT, *PROJECT["build-system"]["requires"]],
}


def read_pins(name: str) -> list[tuple[Requirement, list[str]]]:
    """Return each requirement of a lock file with its hashes."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [
        (Requirement(line.split(" --hash=")[0].strip()), re.findall(r"--hash=(\S+)", line)) for line in lines
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_exact_and_hashed(name: str) -> None:
    """Nothing is taken in any version, from any address or without a hash."""
    for pin, hashes in read_pins(name):
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"{pin} is not exact"
        assert pin.url is None
        assert hashes, f"{pin} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes)


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_registry_and_no_machine(name: str) -> None:
    """A lock works with whatever registry its reader uses."""
    text = (ROOT / name).read_text("utf-8")
    assert "make lock" in text.splitlines()[1]
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|(?:^|\s)/", text)


@pytest.mark.parametrize("name", LOCKS)
def test_pins_satisfy_the_ranges(name: str) -> None:
    """A range changed in pyproject.toml needs `make lock`."""
    pins = read_pins(name)
    for text in LOCKS[name]:
        wanted = Requirement(text)
        versions = [
            Version(str(pin.specifier).removeprefix("=="))
            for pin, _ in pins
            if canonicalize_name(pin.name) == canonicalize_name(wanted.name)
        ]
        assert versions, f"{name} lacks {wanted}: run 'make lock'"
        assert all(wanted.specifier.contains(version) for version in versions), f"{wanted}: run 'make lock'"


def test_development_runs_what_users_run() -> None:
    """Each runtime pin stands in the development lock as it is."""
    development = {str(pin) for pin, _ in read_pins("requirements-dev.lock")}
    assert {str(pin) for pin, _ in read_pins("requirements.lock")} <= development


def test_prefect_and_fastapi_stay_bounded() -> None:
    """Prefect's server breaks with newer FastAPI releases than the one it was measured with."""
    bounds = {Requirement(text).name: Requirement(text).specifier for text in RUNTIME}
    assert not bounds["fastapi"].contains("0.155")
    assert not bounds["prefect"].contains("3.9")
