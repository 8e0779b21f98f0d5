"""Runs one measurement in a separate process, so that memory and imports are not shared."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any


def run(function: str, **arguments: Any) -> dict[str, Any]:
    """Call `module:function` in a new process; return its result with `peak_mb`, its highest memory use.

    Raises: RuntimeError, with the end of the process's output, if it fails.
    """
    return run_together(function, [arguments])[0]


def run_together(function: str, calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Call `module:function` in several new processes at once, one for each set of arguments."""
    with tempfile.TemporaryDirectory(prefix="warenfluss-bench-") as folder:
        started = []
        for number, arguments in enumerate(calls):
            answer, log = Path(folder, f"{number}.json"), Path(folder, f"{number}.log")
            command = [sys.executable, "-m", "benchmarks.child", function, json.dumps(arguments), str(answer)]
            with log.open("wb") as output:
                process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            started.append((process, answer, log))
        try:
            for process, _, log in started:
                if process.wait() != 0:
                    raise RuntimeError(f"{function} failed:\n{log.read_text(errors='replace')[-4000:]}")
        finally:
            for process, _, _ in started:
                process.kill()
                process.wait()
        return [json.loads(answer.read_text()) for _, answer, _ in started]


def peak_mb() -> float:
    """Return the highest memory use of this process so far, in MB."""
    # The peak of getrusage includes that of the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def main() -> None:
    """Execute one call; arguments: function, its arguments as JSON, and the result file."""
    function, arguments, answer = sys.argv[1:]
    module, _, name = function.partition(":")
    result = getattr(import_module(module), name)(**json.loads(arguments)) or {}
    Path(answer).write_text(json.dumps({**result, "peak_mb": peak_mb()}))
    sys.stdout.flush()
    # A normal exit would wait for Prefect's threads.
    os._exit(0)


if __name__ == "__main__":
    main()
