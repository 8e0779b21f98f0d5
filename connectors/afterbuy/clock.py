"""Afterbuy's clock."""

import logging
from datetime import UTC, datetime, timedelta

from connectors.afterbuy import xml
from connectors.afterbuy.client import AfterbuyClient
from connectors.afterbuy.values import parse_instant, parse_utc
from connectors.errors import RequestRefusedError

log = logging.getLogger(__name__)

_CLOCKS_DIFFER = timedelta(days=1)


class AfterbuyClock:
    """See `Clock`."""

    def __init__(self, client: AfterbuyClient) -> None:
        self._client = client

    def check(self) -> datetime:
        """Return Afterbuy's time, in UTC. Raises: AccountError naming what is wrong with the login.

        Where the login works but the answer holds no time, or a time to come, our own clock is taken:
        windows overlap by far more than clocks differ, and a cursor in the future would skip every change
        until then.
        """
        try:
            result = self._client.get_afterbuy_time().result
            at = None
            if utc := xml.text_at(result, "AfterbuyUniversalTimeStamp"):
                at = parse_utc(utc)
            elif local := xml.text_at(result, "AfterbuyTimeStamp"):
                at = parse_instant(local)
            if at is not None and at < datetime.now(UTC) + _CLOCKS_DIFFER:
                return at
            trouble = "the answer holds no time" if at is None else "the answer is of a time to come"
        except (RequestRefusedError, ValueError) as error:
            trouble = type(error).__name__
        log.warning("GetAfterbuyTime: %s; going by the clock of this machine", trouble)
        return datetime.now(UTC)
