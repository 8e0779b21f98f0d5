"""The one connection of Prefect's server to its SQLite database."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from tasks.run.prefect_env import ONE_CONNECTION

VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
SHOW = f"""
import os
from tasks.run.prefect_env import use_prefect
use_prefect()
print(os.environ.get({VARIABLE!r}, ""))
"""


def open_engine(folder: Path, query: str = "") -> AsyncEngine:
    return create_async_engine(f"sqlite+aiosqlite:///{folder / 'prefect.db'}{query}")


def count_at_once(engine: AsyncEngine) -> int:
    """Return how many of four transactions were open at the same moment."""
    open_now = most = 0

    async def change() -> None:
        nonlocal open_now, most
        async with engine.begin() as connection:
            open_now += 1
            most = max(most, open_now)
            await connection.execute(text("SELECT 1"))
            await asyncio.sleep(0.05)
            open_now -= 1

    async def all_of_them() -> None:
        await asyncio.gather(*(change() for _ in range(4)))
        await engine.dispose()

    asyncio.run(all_of_them())
    return most


def test_the_address_asks_for_one_connection(tmp_path: Path) -> None:
    """The plugin is found by its name, takes itself out of the address, and lets one in at a time."""
    engine = open_engine(tmp_path, f"?plugin={ONE_CONNECTION}")
    assert isinstance(engine.pool, QueuePool)
    assert engine.pool.size() == 1
    assert "plugin" not in engine.url.query
    assert count_at_once(engine) == 1
    assert count_at_once(open_engine(tmp_path)) == 4


@pytest.mark.parametrize("chosen", ["", VARIABLE, "PREFECT_API_DATABASE_HOST"])
def test_a_database_of_ones_own_stays(chosen: str, tmp_path: Path) -> None:
    """Whoever says where Prefect keeps its data is left alone; who does not gets the one connection."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env["WARENFLUSS_DATA_DIR"] = str(tmp_path)
    if chosen:
        env[chosen] = "theirs"
    address = subprocess.run(
        [sys.executable, "-c", SHOW], env=env, check=True, capture_output=True, text=True
    ).stdout.strip()
    expected = f"sqlite+aiosqlite:///{tmp_path / 'prefect' / 'prefect.db'}?plugin={ONE_CONNECTION}"
    assert address == {"": expected, VARIABLE: "theirs"}.get(chosen, "")
