"""The list of connectors: opens a connection to an account, and checks settings before they are saved.

A new connector adds one function and one entry of SPECS. The function imports it, so that a connector with
its XML and HTTP libraries is loaded only when an account of its kind is opened or checked.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from connectors.errors import AccountError
from connectors.protocols.connection import Connection
from connectors.protocols.results import Recorder
from connectors.spec import ConnectorSpec
from models.tenants.account_kinds import AFTERBUY, MANUAL
from models.tenants.options import ChannelOptions, options_model
from models.tenants.records import AccountData
from models.values import describe_faults


def _afterbuy() -> ConnectorSpec[Any]:
    from connectors.afterbuy.spec import SPEC

    return SPEC


def _manual() -> ConnectorSpec[Any]:
    from connectors.manual import SPEC

    return SPEC


SPECS: Mapping[str, Callable[[], ConnectorSpec[Any]]] = {AFTERBUY.name: _afterbuy, MANUAL.name: _manual}
"""By the name of the kind; each returns what the connector says about itself."""


def spec_of(kind: str) -> ConnectorSpec[Any]:
    """Return what the connector of a kind says about itself. Raises: AccountError, for an unknown kind."""
    if kind not in SPECS:
        raise AccountError(f"There is no kind of account {kind!r}: allowed are {', '.join(SPECS)}.")
    return SPECS[kind]()


def open_connection(
    account: AccountData, secrets: Mapping[str, str], *, test: bool, record: Recorder | None = None
) -> Connection:
    """Return an open connection to an account; in test mode its writes are kept here.

    `record` is called with every exchange; `tasks.run.call_log.CallLog` saves them in the database.

    Raises: AccountError, if the kind is unknown, a setting cannot be used or a secret is missing.
    """
    spec = spec_of(account.kind)
    try:
        settings = spec.settings.model_validate(account.settings)
    except ValidationError as error:
        wrong = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise AccountError(f"Settings of this account cannot be used: {wrong}.") from None
    if missing := _missing_secrets(spec, [name for name, value in secrets.items() if value.strip()]):
        raise AccountError(missing[0])
    return spec.open(settings, secrets, test=test, record=record)


def first_settings(kind: str) -> dict[str, str]:
    """Return the settings that a new account begins with. Raises: AccountError, for an unknown kind."""
    return spec_of(kind).first_settings()


def check_settings(kind: str, settings: Mapping[str, Any], secret_names: Collection[str]) -> dict[str, Any]:
    """Return the settings as plain values of their types; texts as from a command line are converted.

    Raises: AccountError with one sentence for each unknown key, wrong value and missing secret.
    """
    spec = spec_of(kind)
    options = options_model(spec.kind)
    models: tuple[type[BaseModel], ...] = (options, spec.settings)
    fields = {name for model in models for name in model.model_fields}
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
            sentences += describe_faults(error, model)
    if options is ChannelOptions and "start" in read and not _is_start(spec, read["start"]):
        what = 'start must be "new", a date like 2026-11-01 or an order number'
        sentences.append(f"The setting 'start' does not fit: {what}.")
    sentences += [*_unknown_secrets(spec, secret_names), *_missing_secrets(spec, secret_names)]
    if sentences:
        raise AccountError("\n".join(sentences))
    return read


def _is_start(spec: ConnectorSpec[Any], start: str) -> bool:
    return start == "new" or ChannelOptions(start=start).start_on is not None or spec.is_order_number(start)


def _unknown_secrets(spec: ConnectorSpec[Any], names: Collection[str]) -> list[str]:
    known = [secret.name for secret in spec.secrets]
    allowed = f"allowed are {', '.join(known)}" if known else "such an account needs no login"
    return [f"There is no secret {name!r}: {allowed}." for name in sorted(names) if name not in known]


def _missing_secrets(spec: ConnectorSpec[Any], names: Collection[str]) -> list[str]:
    """Return one sentence if no login is complete; it names what is missing of the login that was begun."""
    logins = spec.logins
    if not logins or any(set(login) <= set(names) for login in logins):
        return []
    begun = next((login for login in logins if set(login) & set(names)), logins[0])
    missing = ", ".join(name for name in begun if name not in names)
    begun_first = sorted(logins, key=lambda login: login is not begun)
    choices = ", or ".join(" and ".join(login) for login in begun_first)
    return [f"The secret {missing} is missing: give {choices}."]
