"""What leaves a step: our own errors, made anew, with nothing of what they came from."""

import pickle
from typing import Any

import pytest
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, StatementError

from connectors.errors import AccountError, ConnectorError, RecordError, TransientError, UncertainError
from models.errors import (
    Action,
    Advice,
    DatabaseError,
    LeaseHeldError,
    LeaseLostError,
    NotFoundError,
    RuleError,
    UnexpectedError,
)
from tasks.run.boundary import guarded, plain_error
from tasks.watch.alarms import OWN_ERRORS, safe_error

NAME = "Wunderlichkeit"
ADVICE = Advice(Action.order_unsplit, "7")


class LoginError(AccountError):
    """A connector's own kind of a known error, with what it should not carry."""

    def __init__(self) -> None:
        super().__init__("the login is refused")
        self.body = NAME


def _caught(error: BaseException) -> BaseException:
    def fail() -> None:
        try:
            raise ValueError(NAME)
        except ValueError as cause:
            error.add_note(NAME)
            raise error from cause

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - of any kind
        guarded(fail)()
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectorError("no"), ConnectorError),
        (TransientError("later", 7.5), TransientError),
        (RecordError("4711", "Quantity: missing"), RecordError),
        (RecordError("", "OrderID: missing"), RecordError),
        (UncertainError("no answer"), UncertainError),
        (LoginError(), AccountError),
        (RuleError("no", ADVICE), RuleError),
        (NotFoundError("There is none.", ADVICE), NotFoundError),
        (LeaseHeldError("held"), LeaseHeldError),
        (LeaseLostError("lost"), LeaseLostError),
        (DatabaseError("OperationalError 57P01", may_pass=True), DatabaseError),
        (UnexpectedError("KeyError at here"), UnexpectedError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_our_own_errors_pass_without_what_they_carry(error: Exception, kind: type[Exception]) -> None:
    """Kind, message and what the caller acts on stay; cause, context, notes and other attributes do not."""
    plain = _caught(error)

    assert type(plain) is kind
    assert str(plain) == str(error)
    assert safe_error(plain) == safe_error(error)
    for name in ("retry_after", "external_id", "reason", "advice", "may_pass"):
        assert getattr(plain, name, None) == getattr(error, name, None)
    assert (plain.__cause__, plain.__context__) == (None, None)
    assert NAME not in repr(vars(plain))


def test_every_kind_of_our_own_errors_is_made_anew() -> None:
    """A kind that is added must pass through, too."""
    for own in OWN_ERRORS:
        error = own("4711", "no") if own is RecordError else own("no")
        assert type(plain_error(error)) is own
        assert str(plain_error(error)) == str(error)


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (OperationalError("INSERT", {"name": NAME}, Exception(NAME)), True),
        (IntegrityError("INSERT", {"name": NAME}, Exception(NAME)), True),
        (DataError("INSERT", {"name": NAME}, Exception(NAME)), False),
        (InterfaceError("INSERT", {"name": NAME}, Exception(NAME)), False),
        (StatementError(NAME, "INSERT", {"name": NAME}, ValueError(NAME)), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_an_error_of_the_database_class_and_place_stay(error: Exception, may_pass: bool) -> None:
    """The retry policy knows whether it may pass; nothing knows its values."""
    plain = _caught(error)

    assert isinstance(plain, DatabaseError)
    assert plain.may_pass is may_pass
    assert str(plain).startswith(f"{type(error).__name__} at run/test_boundary.py:")
    assert NAME.encode() not in pickle.dumps(plain)
    assert (plain.__cause__, plain.__context__) == (None, None)


def test_of_any_other_error_class_and_place_stay() -> None:
    """Its text may quote a record."""
    plain = _caught(KeyError(NAME))

    assert type(plain) is UnexpectedError
    assert str(plain).startswith("KeyError at run/test_boundary.py:")
    assert NAME.encode() not in pickle.dumps(plain)


@pytest.mark.parametrize("ending", [KeyboardInterrupt(NAME), SystemExit(3)], ids=repr)
def test_the_end_of_the_process_passes(ending: BaseException) -> None:
    """It keeps its exit code, but not what it interrupted."""
    plain = _caught(ending)

    assert plain is ending
    assert getattr(plain, "code", 3) == 3
    assert (plain.args, plain.__cause__, plain.__context__) == ((), None, None)


def test_mail_addresses_and_long_texts_are_cut() -> None:
    """Prefect gets no more of a message than a mail or a log does."""
    plain: Any = plain_error(AccountError(f"for erika@post.example {'x' * 5000}"))

    assert str(plain).startswith("for … xxx")
    assert len(str(plain)) == 300
