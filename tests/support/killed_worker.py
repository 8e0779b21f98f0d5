"""A flow whose process is killed in the middle of its work, and the worker that runs it, as a program."""

import asyncio
import os
import signal
import sys

from prefect import flow, runtime
from prefect.client.orchestration import get_client
from prefect.runner import Runner

from models.database.session import session_scope
from models.sync.records import Cycle
from models.sync.runs import begin_run
from models.tenants.account import get_account
from tasks.watch.alarms import report_crashed, report_failed


@flow(name="order-import", on_failure=[report_failed], on_crashed=[report_crashed])
def import_orders(account: str) -> None:
    """Begin a run and die."""
    with session_scope() as session:
        account_id = get_account(session, account).row_id
        begin_run(session, account_id, Cycle.order_import, flow_run_id=str(runtime.flow_run.id))
    os.kill(os.getpid(), signal.SIGKILL)


async def work(deployment: str, account: str) -> None:
    """Deploy the flow, run it once in a process of its own, and print the flow run's id."""
    runner = Runner(name=deployment)
    deployment_id = await runner.aadd_flow(import_orders, name=deployment)
    async with get_client() as client:
        flow_run = await client.create_flow_run_from_deployment(
            deployment_id, parameters={"account": account}
        )
    print(flow_run.id, flush=True)
    await runner.execute_flow_run(flow_run.id)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2]))
