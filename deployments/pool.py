"""The work pool from which workers on any machine take their runs."""

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.process import ProcessWorker

POOL = "warenfluss"


def ensure_pool(client: SyncPrefectClient, name: str = POOL) -> None:
    """Make the work pool if it is missing; an existing one stays as operators left it."""
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
