"""An account of one's own: orders taken by hand, and no channel behind it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Never, Self, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from connectors.base import Channel, WouldSend
from connectors.errors import AccountError

NOTHING = "The account takes orders by hand: there is no channel to ask."


class OwnSettings(BaseModel):
    """Nothing beyond what all accounts have."""


class _NoChannel:
    """Opens and closes; whoever asks more of it should have known."""

    would_send: tuple[WouldSend, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Never:
        raise AccountError(NOTHING)


def connect(_settings: Mapping[str, Any], _secrets: Mapping[str, str], **_: object) -> Channel:
    """Return the connection to nothing that cycles without a channel are handed."""
    return cast(Channel, _NoChannel())


def missing_secrets(names: Collection[str]) -> list[str]:
    """Return a sentence for each secret: there is none to have."""
    return [f"There is no secret {name!r}: such an account logs in nowhere." for name in sorted(names)]


def first_settings() -> dict[str, str]:
    """Return what such an account begins with: money and invoices are nobody else's business."""
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()
    return {"payments": "warenfluss", "invoices": "warenfluss", "invoices_from": today.isoformat()}
