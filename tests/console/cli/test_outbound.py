"""`warenfluss outbound`: changes that channels have yet to get."""

from models.database.session import session_scope
from models.sync.delivery import list_outbound, mark_failed
from models.sync.outbound import OutboundState, queue_outbound
from models.sync.records import OutboundKind
from tests.support.cli_steps import call, open_shop, read


def test_a_parked_change_is_due_again_on_request(database: str) -> None:
    """It is listed as parked, retried once, and then it is parked no more."""
    open_shop()
    with session_scope() as session:
        queue_outbound(session, 1, OutboundKind.stock, ["5"])
        (row,) = list_outbound(session, [OutboundState.pending])
        mark_failed(session, row, "refused", final=True)
    (parked,) = read("outbound", "list", "--state", "parked")

    assert call("outbound", "retry", str(parked["id"])).exit_code == 0

    assert [row["state"] for row in read("outbound", "list")] == ["pending"]
    assert call("outbound", "retry", str(parked["id"])).exit_code == 1
