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
    typer.Option("--limit", min=0, help="At most so many; 0 is all. Default: all with --json, else 50."),
]
TABLE_LIMIT = 50
LanguageOption = Annotated[str | None, typer.Option("--language", help="de or en; by default the tenant's.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
GermanSheet = Annotated[
    bool, typer.Option("--german", help="German headings; CSV as a German Excel opens it.")
]

Number = Annotated[str, typer.Argument(help="The external id, or the number at the marketplace.")]
Numbers = Annotated[list[str], typer.Argument(help="External ids, or numbers at the marketplace.")]
When = Annotated[str | None, typer.Option("--at", help="When; now by default, German time without a zone.")]
IntoOption = Annotated[
    str | None, typer.Option("--into", help="The account for orders by hand, if the tenant has several.")
]
TaxRateOption = Annotated[
    str | None, typer.Option("--tax-rate", help="In percent; the article's by default.")
]
ReferenceOption = Annotated[
    str, typer.Option(help="Your own mark: with the same one again no second order is made.")
]
OFFER_DAYS = 14
"""Days for which an offer holds, unless another day is named."""


def most_rows(limit: int | None, *, as_json: bool) -> int | None:
    """Return how many rows a list with `LimitOption` prints at most, None for all."""
    if limit is None:
        return None if as_json else TABLE_LIMIT
    return limit or None


class Allowance(StrEnum):
    """Whether something is allowed, or what else decides."""

    yes = "yes"
    no = "no"
    default = "default"

    @property
    def value_or_none(self) -> bool | None:
        """Return it as models say it."""
        return None if self is Allowance.default else self is Allowance.yes


Parts = Annotated[Allowance, typer.Argument(help="Whether what is there may leave before what is short.")]
PARTS_SAID = {
    Allowance.yes: "what is there may leave before what is short",
    Allowance.no: "all leaves at once",
    Allowance.default: "nothing of its own is said of parts any more",
}
