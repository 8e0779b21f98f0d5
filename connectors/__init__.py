"""Connectors: one package for each outside system; here is where one is picked."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from connectors import afterbuy, manual
from connectors.afterbuy.settings import AfterbuySettings, missing_secrets
from connectors.base import Channel
from connectors.errors import AccountError
from connectors.transport import Recorder
from models.tenants.options import ChannelOptions
from models.tenants.records import OWN, AccountData


@dataclass(frozen=True)
class _Package:
    connect: Callable[..., Channel]
    settings: type[BaseModel]
    missing_secrets: Callable[[Collection[str]], list[str]]
    first_settings: Callable[[], dict[str, str]] = dict


_PACKAGES = {
    "afterbuy": _Package(
        connect=afterbuy.connect, settings=AfterbuySettings, missing_secrets=missing_secrets
    ),
    OWN: _Package(
        connect=manual.connect,
        settings=manual.OwnSettings,
        missing_secrets=manual.missing_secrets,
        first_settings=manual.first_settings,
    ),
}

KINDS: tuple[str, ...] = tuple(_PACKAGES)
"""The kinds of account that can be connected."""


def connect(
    account: AccountData, secrets: Mapping[str, str], *, test: bool, record: Recorder | None = None
) -> Channel:
    """Return an open connection to an account; in test mode its writes are kept back.

    `record` is told of every exchange; `tasks.run.call_log.CallLog` keeps them in the database.

    Raises: AccountError, if the kind is unknown, or settings or secrets do not suffice.
    """
    return _package(account.kind).connect(account.settings, secrets, test=test, record=record)


def first_settings(kind: str) -> dict[str, str]:
    """Return the settings with which an account of a kind begins. Raises: AccountError, for no kind."""
    return _package(kind).first_settings()


def check_settings(kind: str, settings: Mapping[str, Any], secret_names: Collection[str]) -> dict[str, Any]:
    """Return the settings as plain values of their types; texts as from a command line are read.

    Raises: AccountError with one sentence for each unknown key, wrong value and missing secret.
    """
    package = _package(kind)
    models = (ChannelOptions, package.settings)
    fields = {name: info for model in models for name, info in model.model_fields.items()}
    sentences = [
        f"There is no setting {name!r}: allowed are {', '.join(sorted(fields))}."
        for name in sorted(settings)
        if name not in fields
    ]
    read: dict[str, Any] = {}
    for model in models:
        given = {name: value for name, value in settings.items() if name in model.model_fields}
        try:
            values = model.model_validate(given).model_dump(mode="json")
            read |= {name: values[name] for name in given}
        except ValidationError as error:
            sentences += [
                _sentence(str(fault["loc"][0]), fields, str(fault["msg"])) for fault in error.errors()
            ]
    sentences += package.missing_secrets(secret_names)
    if sentences:
        raise AccountError("\n".join(sentences))
    return read


def _package(kind: str) -> _Package:
    if kind not in _PACKAGES:
        raise AccountError(f"There is no kind of account {kind!r}: allowed are {', '.join(KINDS)}.")
    return _PACKAGES[kind]


def _sentence(name: str, fields: Mapping[str, FieldInfo], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"The setting {name!r} does not fit: {message}{_allowed(fields[name])}."


def _allowed(field: FieldInfo) -> str:
    """Return the allowed values of a choice or yes and no; a range stands in the message itself."""
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f" (allowed are {', '.join(str(one.value) for one in annotation)})"
    if annotation is bool:
        return " (allowed are true, false)"
    return " (a list parted by commas)" if get_origin(annotation) is tuple and get_args(annotation) else ""
