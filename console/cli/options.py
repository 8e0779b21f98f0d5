"""Options and arguments that several commands share."""

from enum import StrEnum
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="Needed if there are several tenants.")]
AccountOption = Annotated[str | None, typer.Option("--account", help="Only of this account.")]
STATES = typer.Option("--state", help="Only in this state; repeatable.")
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit", min=0, help="The maximum number of rows; 0 is all. Default: all with --json, else 50."
    ),
]
TABLE_LIMIT = 50
LanguageOption = Annotated[str | None, typer.Option("--language", help="de or en; default: the tenant's.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")]
GermanSheet = Annotated[
    bool, typer.Option("--german", help="German headings, and CSV in the format of a German Excel.")
]

Number = Annotated[str, typer.Argument(help="The external id, or the number at the marketplace.")]
Numbers = Annotated[list[str], typer.Argument(help="External ids, or numbers at the marketplace.")]
When = Annotated[
    str | None, typer.Option("--at", help="The time; default: now. German time if it has no zone.")
]
IntoOption = Annotated[
    str | None, typer.Option("--into", help="The account for manual orders, if the tenant has several.")
]
TaxRateOption = Annotated[str | None, typer.Option("--tax-rate", help="In percent; default: the article's.")]
ReferenceOption = Annotated[
    str, typer.Option(help="Your own reference; the same reference creates no second order.")
]
OFFER_DAYS = 14
"""Days until an offer expires, unless another day is named."""


def most_rows(limit: int | None, *, as_json: bool) -> int | None:
    """Return how many rows a list with `LimitOption` prints at most, None for all."""
    if limit is None:
        return None if as_json else TABLE_LIMIT
    return limit or None


class Allowance(StrEnum):
    """Whether something is allowed; with `default` another setting decides."""

    yes = "yes"
    no = "no"
    default = "default"

    @property
    def value_or_none(self) -> bool | None:
        """Return True, False, or None if another setting decides."""
        return None if self is Allowance.default else self is Allowance.yes


Parts = Annotated[Allowance, typer.Argument(help="Whether available units may ship before missing ones.")]
PARTS_SAID = {
    Allowance.yes: "available units may ship before missing ones",
    Allowance.no: "all units ship together",
    Allowance.default: "the default applies again",
}
