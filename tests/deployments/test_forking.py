"""Forked processes have what they were given and nothing else of their parent."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_process_is_its_own(tmp_path: Path) -> None:
    """Environment, folder, session, chance and end are its own; no socket or thread is inherited."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.forking", str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("first", "second"))
    assert (first["env"], second["env"]) == ({"ONLY": "this"}, {})
    assert first["random"] != second["random"]
    for found in (first, second):
        assert found["folder"] == str(tmp_path)
        assert found["leads"]
        assert found["threads"] == 1
        assert found["sockets"] == []
