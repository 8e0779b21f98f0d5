"""The automation that ends runs that fell silent."""

from prefect.client.orchestration import SyncPrefectClient

from deployments.silent_runs import HEARTBEAT_SECONDS, NAME, SILENCE_SECONDS, ensure_automation
from tests.support import session


def test_the_automation_is_made_once(client: SyncPrefectClient) -> None:
    """Its patience is longer than two signs of life; a second start adds no other."""
    with session.exclusive("automation"):
        ensure_automation(client)
        ensure_automation(client)

        (automation,) = client.read_automations_by_name(NAME)
        client.delete_automation(automation.id)
    assert automation.enabled
    assert SILENCE_SECONDS >= 2.5 * HEARTBEAT_SECONDS
