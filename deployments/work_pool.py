"""The work pool from which workers on any machine take their runs."""

from dataclasses import dataclass
from datetime import datetime

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import WorkerStatus
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.process import ProcessWorker

POOL = "warenfluss"


def ensure_pool(client: SyncPrefectClient, name: str = POOL) -> None:
    """Create the work pool if it is missing; an existing one is not changed."""
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        pool = WorkPoolCreate(
            name=name,
            type="process",
            description="Runs of Warenfluss's cycles, each as a process of its own.",
            base_job_template=ProcessWorker.get_default_base_job_template(),
        )
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return


@dataclass(frozen=True)
class PoolService:
    """Whether workers take runs from a work pool."""

    is_paused: bool = False
    online: int = 0
    """Workers with a recent heartbeat at Prefect's server."""
    last_seen_at: datetime | None = None
    """Time of the last heartbeat of any worker, by the clock of Prefect's server; None: no worker yet."""


def find_service(client: SyncPrefectClient, name: str = POOL) -> PoolService | None:
    """Return the service of a work pool, None if there is no such pool.

    Raises: PrefectHTTPStatusError or httpx.HTTPError, if the server refuses or cannot be reached.
    """
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        return None
    workers = client.read_workers_for_work_pool(name)
    return PoolService(
        is_paused=bool(pool.is_paused),
        online=sum(worker.status is WorkerStatus.ONLINE for worker in workers),
        last_seen_at=max(
            (worker.last_heartbeat_time for worker in workers if worker.last_heartbeat_time), default=None
        ),
    )
