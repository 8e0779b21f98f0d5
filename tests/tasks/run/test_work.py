"""What a run may ask of its account's system."""

import pytest

from connectors.errors import AccountError
from connectors.registry import open_connection
from models.sync.records import Cycle
from models.tenants.account_kinds import MANUAL, Capability
from models.tenants.options import ChannelOptions
from models.tenants.records import AccountData, Mode
from tasks.run.call_log import CallLog
from tasks.run.work import Work


@pytest.mark.parametrize("capability", Capability)
def test_what_a_system_cannot_do_is_said_with_the_name_of_the_account(capability: Capability) -> None:
    """One sentence, and nothing is sent: an account for orders by hand has no system behind it."""
    account = AccountData(
        id=1,
        tenant_id=1,
        name="telefon",
        kind=MANUAL.name,
        mode=Mode.live,
        settings={},
        options=ChannelOptions(),
    )
    work = Work(
        run_id=1,
        account=account,
        cycle=Cycle.order_import,
        test=False,
        rules=(),
        connection=open_connection(account, {}, test=False),
        calls=CallLog(account.id),
    )

    with pytest.raises(AccountError, match=r"^Account 'telefon' cannot .+: no system of the kind .+\.$"):
        getattr(work, capability)
