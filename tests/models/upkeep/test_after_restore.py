"""After a restore: no number is given a second time before a person says how far they had come."""

import pytest

from models.accounting.numbers import resume_numbers
from models.database.session import session_scope
from models.errors import Action, Advice, RuleError
from models.order_desk.manual_orders import take_manual_order
from models.tenants.tenant import Tenant
from models.upkeep.after_restore import find_restore, mark_restored
from tests.support.order_desk import YEAR, asked, open_shop, own


def test_after_a_restore_no_number_is_given_twice(sqlite_database: str) -> None:
    with session_scope() as session:
        shop = open_shop(session)
        mark_restored(session)
        tenant = session.get_one(Tenant, shop.tenant_id, populate_existing=True)
        told = find_restore(session, own(session).row_id)

        assert told is not None
        assert told[1] is not None, "no import will ever catch up for it"
        with pytest.raises(RuleError, match="may have given numbers after the backup was made") as refused:
            take_manual_order(session, own(session), asked())
        assert refused.value.advice == (Advice(Action.document_resume, "nord"),)
        resume_numbers(session, tenant, [f"W-{YEAR}-00041"])

        assert take_manual_order(session, own(session), asked())[0].external_id == f"W-{YEAR}-00042"
