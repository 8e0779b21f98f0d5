"""An automation of Prefect that marks runs as crashed when their heartbeats stop.

It only changes what people see: leases in the database of Warenfluss decide which run may work.
"""

from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

NAME = "warenfluss: runs without a sign of life"
HEARTBEAT_SECONDS = 30
"""Seconds between heartbeats of a run: the lowest value of `PREFECT_FLOWS_HEARTBEAT_FREQUENCY`."""
SILENCE_SECONDS = 75


def ensure_automation(client: SyncPrefectClient) -> None:
    """Create the automation if none has its name; one that operators changed or disabled stays."""
    if client.read_automations_by_name(NAME):
        return
    ends = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    automation = AutomationCore(
        name=NAME,
        description="Marks a run as crashed that has shown no sign of life for a while.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *ends},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENCE_SECONDS),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                message=f"It showed no sign of life for {SILENCE_SECONDS} seconds.",
            )
        ],
    )
    client.create_automation(automation)
