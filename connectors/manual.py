"""Orders that people take by telephone or letter: there is no system behind such an account."""

from datetime import datetime

from pydantic import BaseModel

from connectors.protocols.connection import Connection
from connectors.spec import ConnectorSpec
from models.clock import today, utc_now
from models.tenants.account_kinds import MANUAL


class ManualSettings(BaseModel):
    """Nothing beyond the settings that every account has."""


class ManualClock:
    """The clock of this machine: what happens in such an account happens here."""

    def check(self) -> datetime:
        """Return the time, in UTC."""
        return utc_now()


def open_connection(*_: object, **__: object) -> Connection:
    """Return a connection without any capability."""
    return Connection(clock=ManualClock(), close=lambda: None, would_send=[])


def first_settings() -> dict[str, str]:
    """Return payments and invoices from here, from today on: no other system handles them."""
    return {"payments": "warenfluss", "invoices": "warenfluss", "invoices_from": today().isoformat()}


SPEC = ConnectorSpec(
    kind=MANUAL, settings=ManualSettings, open=open_connection, first_settings=first_settings
)
