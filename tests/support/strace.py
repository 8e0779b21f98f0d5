"""What a process wrote, synced and sent, as `strace` records it; and what a power cut leaves of it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.required import missing

CALLS = "pwrite64,write,sendfile,sendto,fsync,fdatasync,ftruncate,unlink,rename"
SYNCS = ("fsync", "fdatasync")
RUNNING_SECONDS = 120
_CALL = re.compile(
    r"(?P<name>\w+)\((?:\d+<(?P<path>(?:[^>]|(?<=-)>)*)>)?(?P<rest>.*)\)\s+= (?P<result>-?\d+)"
)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PORT = re.compile(r"->[\d.]+:(\d+)\]")


@dataclass(frozen=True)
class Event:
    """One call of the process to the system."""

    name: str
    path: str
    """The file; for `sendto` the port of the receiver."""
    data: bytes = b""
    number: int = 0
    """Where `pwrite64` writes; the new size of `ftruncate`."""
    target: str = ""
    """The new name of `rename`."""


def record(work: Callable[..., object], *arguments: str, folder: Path) -> list[Event]:
    """Call a function of a module in a process of its own; return what it told the system, in order.

    Skips the test where strace is missing or forbidden. Raises: AssertionError, if the process fails.
    """
    strace = shutil.which("strace")
    if strace is None:
        missing("strace", "the program strace is not installed")
    if subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        missing("strace", "this system forbids it to trace processes")
    output = folder / "strace.txt"
    call = f"import sys; from {work.__module__} import {work.__qualname__} as work; work(*sys.argv[1:])"
    done = subprocess.run(
        [strace, "-f", "--seccomp-bpf", "-yy", "-xx", "-qqq", "-s", "10000000", "-e", f"trace={CALLS}",
         "-e", "signal=none", "-o", str(output), sys.executable, "-c", call, *arguments],
        capture_output=True, check=False, timeout=RUNNING_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    return list(_read(output.read_text("ascii").splitlines()))


def _read(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the calls that succeeded: a sync where it returned, all others where they began."""
    begun: dict[str, tuple[int, str]] = {}
    whole: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        thread, _, said = line.partition(" ")
        said = said.strip()
        if said.endswith("<unfinished ...>"):
            begun[thread] = number, said.removesuffix("<unfinished ...>")
        elif said.startswith("<... "):
            start, first = begun.pop(thread)
            said = first + said.partition(" resumed>")[2]
            whole.append((number if said.startswith(SYNCS) else start, said))
        else:
            whole.append((number, said))
    for _, said in sorted(whole):
        call = _CALL.match(said)
        if call is None or int(call["result"]) < 0:
            continue
        name, texts = call["name"], [_bytes(text) for text in _TEXT.findall(call["rest"])]
        if call["path"] is None:
            paths = [text.decode() for text in texts]
            yield Event(name, paths[0], target=paths[-1])
            continue
        port = _PORT.search(call["path"])
        path = port[1] if port else _bytes(call["path"]).decode()
        if name == "pwrite64":
            yield Event(name, path, texts[0], number=int(call["rest"].rpartition(",")[2].strip(" )")))
        elif name == "ftruncate":
            yield Event(name, path, number=int(call["rest"].strip(", )")))
        else:
            yield Event(name, path, texts[0] if texts else b"")


def _bytes(text: str) -> bytes:
    """Return what strace wrote as `\\x2f\\x74…`; what it wrote otherwise, such as `socket:[1]`, as it is."""
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


def unsynced_files(events: Iterable[Event], folder: Path, said: bytes) -> dict[str, list[str]]:
    """Return for each line printed with the words `said` what was not on the disk by then.

    That is a file in this folder that was written, or a folder in which a file got its name.
    """
    unsynced: set[str] = set()
    found: dict[str, list[str]] = {}
    for event in events:
        path = Path(event.path)
        if event.name in SYNCS:
            unsynced.discard(event.path)
        elif event.name == "rename":
            if event.path in unsynced:
                unsynced.add(event.target)
            unsynced -= {event.path}
            if Path(event.target).is_relative_to(folder):
                unsynced.add(str(Path(event.target).parent))
        elif event.name == "unlink":
            unsynced.discard(event.path)
        elif event.name == "write" and event.path.startswith("pipe:") and said in event.data:
            found[event.data.decode().strip()] = sorted(Path(name).name for name in unsynced)
        elif path.is_relative_to(folder) and not path.name.endswith("-shm"):
            unsynced.add(event.path)
    return found


class Disk:
    """Files as their process sees them, and as a power cut would leave them if nothing else was written."""

    def __init__(self, *files: Path) -> None:
        """Take these files as they are, written and synced; a name without a file is an empty one."""
        self.seen = {str(file): file.read_bytes() if file.exists() else b"" for file in files}
        self.synced = dict(self.seen)

    @property
    def unsynced(self) -> list[str]:
        """Return the names of the files with changes that a power cut would take away."""
        return [Path(name).name for name, content in self.seen.items() if content != self.synced[name]]

    def see(self, event: Event) -> None:
        """Take in what the process did next."""
        if event.path not in self.seen:
            return
        content = self.seen[event.path]
        if event.name == "pwrite64":
            content = content.ljust(event.number, b"\0")
            end = event.number + len(event.data)
            self.seen[event.path] = content[: event.number] + event.data + content[end:]
        elif event.name == "ftruncate":
            self.seen[event.path] = content[: event.number].ljust(event.number, b"\0")
        elif event.name == "unlink":
            self.seen[event.path] = self.synced[event.path] = b""
        elif event.name in SYNCS:
            self.synced[event.path] = content

    def cut_power(self, folder: Path) -> None:
        """Write what is left into another folder, under the same names."""
        for name, content in self.synced.items():
            if content:
                (folder / Path(name).name).write_bytes(content)
