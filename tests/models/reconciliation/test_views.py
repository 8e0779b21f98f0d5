"""Differences as records that every face can show."""

from models.database.session import session_scope
from models.errors import Action, Advice
from models.reconciliation.differences import list_differences, save_findings
from models.reconciliation.records import DifferenceData, DifferenceKind, Remedy
from models.reconciliation.views import difference_views
from models.sync.records import Cycle
from models.sync.runs import begin_run
from tests.support.builders import make_shop


def test_a_difference_says_what_to_do_as_data(database: str) -> None:
    """What mends it or, if a person has to decide, what shows the order."""
    with session_scope() as session:
        account = make_shop(session).account
        run = begin_run(session, account.id, Cycle.reconcile)
        found = [
            DifferenceData(DifferenceKind.payment, "4711", "paid", "5.00", "0.00", Remedy.tell),
            DifferenceData(DifferenceKind.order_not_there, "4712", "", "", "", Remedy.decide),
        ]
        save_findings(session, account.id, run.row_id, found)

        payment, missing = difference_views(session, list_differences(session))

    assert (payment.account, payment.subject, payment.here, payment.there) == (
        account.name,
        "4711",
        "5.00",
        "0.00",
    )
    assert payment.advice == Advice(Action.difference_mend, str(payment.id))
    assert missing.advice == Advice(Action.order_show, "4712", {"account": account.name})
