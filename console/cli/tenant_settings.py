"""The settings of a tenant as `tenant set --set GROUP.FIELD=VALUE` takes them, one model for each group."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from models.errors import RuleError
from models.privacy.retention import RetentionOptions
from models.tax.options import TaxOptions
from models.tenants.records import BankData, MailOptions, SellerData
from models.values import describe_faults

GROUPS: dict[str, type[BaseModel]] = {
    "seller": SellerData,
    "bank": BankData,
    "mails": MailOptions,
    "taxes": TaxOptions,
    "retention": RetentionOptions,
}
"""By the column of the tenant that holds the group."""
SET_ELSEWHERE = {"seller.logo", "taxes.vat_rates", "taxes.exchange_rates"}
"""Fields with an option or a command of their own."""
SETTINGS: dict[str, FieldInfo] = {
    f"{group}.{name}": field
    for group, model in GROUPS.items()
    for name, field in model.model_fields.items()
    if f"{group}.{name}" not in SET_ELSEWHERE
}
FORMER_NAMES = {
    "seller.name": "legal-name",
    "bank.holder": "bank-holder",
    "bank.days": "payment-days",
    "mails.tracking_links": "tracking-link",
}
"""Settings whose former option was not called after the field."""


def _is_map(setting: str) -> bool:
    return get_origin(SETTINGS[setting].annotation) is dict


def _former_options() -> tuple[dict[str, str], dict[str, str]]:
    """Return what `--set` takes instead of each former option: before its value, and for flags as a whole."""
    options: dict[str, str] = {}
    flags: dict[str, str] = {}
    for setting, field in SETTINGS.items():
        name = FORMER_NAMES.get(setting, setting.partition(".")[2].replace("_", "-"))
        if field.annotation is bool:
            flags |= {f"--{name}": f"{setting}=true", f"--no-{name}": f"{setting}=false"}
        else:
            options[f"--{name}"] = f"{setting}." if _is_map(setting) else f"{setting}="
    return options, flags


FORMER_OPTIONS, FORMER_FLAGS = _former_options()


def translate(arguments: Sequence[str]) -> Iterator[str]:
    """Yield arguments with each former option as `--set`: `--legal-name X` is `--set seller.name=X`."""
    words = iter(arguments)
    for word in words:
        option, sign, value = word.partition("=")
        if word in FORMER_FLAGS:
            yield from ("--set", FORMER_FLAGS[word])
        elif option in FORMER_OPTIONS:
            yield from ("--set", FORMER_OPTIONS[option] + (value if sign else next(words, "")))
        else:
            yield word


# Typer brings its own click, or the installed one, by release: hence the `Any`.
class SettingsCommand(TyperCommand):
    """Lists the settings in its help, and takes the options that `--set` replaced, for users' scripts."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(translate(args)))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Settings"):
            formatter.write_dl(list(describe_settings()))


def describe_settings() -> Iterator[tuple[str, str]]:
    """Yield each setting as it is typed, and what it means."""
    for setting, field in SETTINGS.items():
        yield f"{setting}.CARRIER" if _is_map(setting) else setting, field.description or ""


def read_changes(settings: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return what is to change, by group and field; None means the default again.

    A setting of several lines is named once for each line. Raises: RuleError, with a sentence for each
    setting that does not exist.
    """
    changes: dict[str, dict[str, Any]] = {}
    faults = []
    for name, value in settings:
        group, _, rest = name.partition(".")
        field, _, key = rest.partition(".")
        setting = f"{group}.{field}"
        if setting not in SETTINGS or bool(key) is not _is_map(setting):
            faults.append(f"There is no setting {name!r}: allowed are {', '.join(_names())}.")
            continue
        changed = changes.setdefault(group, {})
        if key:
            changed.setdefault(field, {})[key] = value
        elif get_origin(SETTINGS[setting].annotation) is list:
            changed.setdefault(field, []).extend([value] if value else [])
        else:
            changed[field] = value or None
    if faults:
        raise RuleError("\n".join(faults))
    return changes


def _names() -> list[str]:
    return [name for name, _ in describe_settings()]


def change_group(group: str, kept: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group's fields as JSON holds them, `changes` over what is kept.

    Raises: RuleError, with a sentence for each setting that does not fit.
    """
    values = dict(kept)
    for name, value in changes.items():
        values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
    given = {name: value for name, value in values.items() if value is not None}
    model = GROUPS[group]
    try:
        return model.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        raise RuleError("\n".join(describe_faults(error, model, group))) from None
