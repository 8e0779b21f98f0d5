"""Afterbuy: a German multi-channel order system with an XML interface."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from connectors.afterbuy.connector import AfterbuyChannel
from connectors.afterbuy.settings import AfterbuySettings, login_from
from connectors.errors import AccountError
from connectors.transport import Recorder


def connect(
    settings: Mapping[str, Any],
    secrets: Mapping[str, str],
    *,
    test: bool,
    record: Recorder | None = None,
) -> AfterbuyChannel:
    """Return an open connection. Raises: AccountError, if settings or secrets do not suffice."""
    try:
        read = AfterbuySettings.model_validate(dict(settings))
    except ValidationError as error:
        wrong = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise AccountError(f"Settings of this account cannot be used: {wrong}.") from None
    return AfterbuyChannel(read, login_from(secrets), test=test, record=record)
