"""All that Prefect keeps of runs: the files below its folder, and what its server answers."""

import base64
import re
import zlib
from binascii import Error as NotBase64Error
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from prefect.client.orchestration import get_client

BASE64 = re.compile(rb"(?:[A-Za-z0-9+/_-]|\\n|[\r\n])(?:[A-Za-z0-9+/=_-]|\\n|[\r\n]){15,}")
"""A text that may be base64; in JSON its lines are parted by a backslash and an "n"."""
DEEPEST = 4
"""How often a text is unpacked at most."""
ANY_WRAPPING = zlib.MAX_WBITS | 32
"""For zlib: with the header of zlib or of gzip."""


def find_words(folder: Path, words: Collection[str]) -> dict[str, set[str]]:
    """Return {path: words} of the files below a folder that hold any of these words, however packed."""
    found: dict[str, set[str]] = {}
    for file in sorted(folder.rglob("*")):
        try:
            content = file.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            continue
        if held := words_in(content, words):
            found[str(file.relative_to(folder))] = held
    return found


def words_in(content: bytes, words: Collection[str]) -> set[str]:
    """Return which of these words a content holds, also within base64, pickles and what is compressed.

    Pickles, JSON and SQLite store plain letters as they are.
    """
    return {word for text in _unpacked(content, DEEPEST) for word in words if word.encode() in text}


def told_to_server(flow_run_ids: Sequence[str]) -> str:
    """Return what this process's Prefect server keeps of runs: parameters, states, tasks, artifacts, logs."""
    of_runs = {"flow_runs": {"id": {"any_": list(flow_run_ids)}}}
    logs = {"logs": {"flow_run_id": {"any_": list(flow_run_ids)}}}
    with get_client(sync_client=True) as client:
        answers = [
            client.request("POST", "/flow_runs/filter", json=of_runs),
            client.request("POST", "/task_runs/filter", json=of_runs),
            client.request("POST", "/artifacts/filter", json=of_runs),
            client.request("POST", "/logs/filter", json=logs),
            *(
                client.request("GET", "/flow_run_states/", params={"flow_run_id": run_id})
                for run_id in flow_run_ids
            ),
        ]
    return "\n".join(answer.text for answer in answers)


def _unpacked(content: bytes, depth: int) -> Iterator[bytes]:
    yield content
    if depth == 0:
        return
    for match in BASE64.finditer(content):
        packed = re.sub(rb"\\n|\s|=", b"", match.group()).translate(bytes.maketrans(b"-_", b"+/"))
        try:
            text = base64.b64decode(packed + b"=" * (-len(packed) % 4))
        except NotBase64Error:
            continue
        yield from _unpacked(text, depth - 1)
    for start in _begins_of_zlib(content):
        try:
            text = zlib.decompressobj(ANY_WRAPPING).decompress(content[start:])
        except zlib.error:
            continue
        yield from _unpacked(text, depth - 1)


def _begins_of_zlib(content: bytes) -> Iterator[int]:
    return (match.start() for match in re.finditer(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]", content))
