"""Run one measurement in a process of its own, so that its memory and its imports are its own."""

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
    """Call `module:function` in a new process and return its answer with `peak_mb`, its memory at most.

    Raises: RuntimeError with the end of what the process said, if it fails.
    """
    return run_together(function, [arguments])[0]


def run_together(function: str, calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Call `module:function` in one new process for each set of arguments, all at once."""
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
    """Return the most memory that this process has held so far, in MB."""
    # The peak that getrusage tells begins with that of the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def main() -> None:
    """Carry out one call: the function, its arguments as JSON, and the file for the answer."""
    function, arguments, answer = sys.argv[1:]
    module, _, name = function.partition(":")
    result = getattr(import_module(module), name)(**json.loads(arguments)) or {}
    Path(answer).write_text(json.dumps({**result, "peak_mb": peak_mb()}))
    sys.stdout.flush()
    # Threads of Prefect would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
