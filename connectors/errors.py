"""Errors of connectors, named after what the caller does next. Anything else is a bug and fails the run.

Messages name the channel's own code and hold no secret and no buyer's data.
"""


class ConnectorError(Exception):
    """Base of all below."""


class TransientError(ConnectorError):
    """The same call may work later; the task's retry policy decides when."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the channel asks to wait, if it said so."""


class AccountError(ConnectorError):
    """Credentials, permission or setup: the account stops and a person reads what to do."""


class RecordError(ConnectorError):
    """One record is unusable; it is set aside and its neighbours go on."""

    def __init__(self, external_id: str, reason: str) -> None:
        super().__init__(f"{external_id}: {reason}")
        self.external_id = external_id
        self.reason = reason


class UncertainError(ConnectorError):
    """A write left and no answer came: read back before anything is sent again."""


class RequestRefusedError(ConnectorError):
    """The channel refused a request as wrongly built: a bug here or a changed interface there."""


class WriteHeldBackError(ConnectorError):
    """Test mode: the transport kept a write back; it stands in `would_send`."""
