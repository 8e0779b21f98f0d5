"""Errors of connectors, named after what the caller does next. Any other error is a bug and fails the run.

A message names the system's own code. It holds no secret and no data of a buyer.
"""


class ConnectorError(Exception):
    """The base of all errors below."""


class TransientError(ConnectorError):
    """The same call may work later; the task's retry policy decides when."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the system asks to wait; None if it did not say."""


class AccountError(ConnectorError):
    """Credentials, permission or setup are wrong: the account stops, and a person reads what to do."""


class RecordError(ConnectorError):
    """One record cannot be used: it is rejected, and the other records of its page are saved."""

    def __init__(self, external_id: str, reason: str) -> None:
        super().__init__(f"{external_id}: {reason}")
        self.external_id = external_id
        self.reason = reason


class UncertainError(ConnectorError):
    """A write was sent and no answer came: read back what the system holds before sending it again."""


class RequestRefusedError(ConnectorError):
    """The system refused a request as wrongly built: a bug here, or its interface changed."""


class WriteHeldBackError(ConnectorError):
    """Test mode: the transport kept a write here, in `would_send`."""
