"""A program that asks for forked processes of several kinds; each writes a file into the folder FOLDER."""

import asyncio
import json
import os
import random
import signal
import sys
import threading
from pathlib import Path

from deployments.forking import Forks, serve


def tell(name: str, code: int) -> int:
    """Write what this process sees into a file, and end with an exit code."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    found = {
        "env": dict(os.environ),
        "folder": str(Path.cwd()),
        "leads": os.getsid(0) == os.getpid(),
        "random": random.random(),
        "sockets": [link for link in links if link.startswith("socket:")],
        "threads": threading.active_count(),
    }
    Path(f"{name}.json").write_text(json.dumps(found))
    return code


def die() -> int:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


async def ask(forks: Forks, folder: Path) -> int:
    """Start three processes at once; return 0 if each ended as it should."""
    forks.listen()
    processes = [
        await forks.start(tell, "first", 0, env={"ONLY": "this"}, folder=folder),
        await forks.start(tell, "second", 7, env={}, folder=folder),
        await forks.start(die, env={}, folder=folder),
    ]
    for process in processes:
        await process.wait()
    return 0 if [process.returncode for process in processes] == [0, 7, -signal.SIGKILL] else 1


if __name__ == "__main__":
    serve(lambda forks: asyncio.run(ask(forks, Path(sys.argv[1]))))
