"""What became of the rows of a spreadsheet."""

from enum import StrEnum

from pydantic import BaseModel

from models.errors import Advice


class SheetOutcome(StrEnum):
    new = "new"
    changed = "changed"
    unchanged = "unchanged"
    refused = "refused"


class SheetResult(BaseModel):
    """What became of one row; `row` is counted as a spreadsheet shows it, headings included."""

    row: int
    sku: str = ""
    order: str = ""
    """The number of the order, in sheets about those."""
    outcome: SheetOutcome
    reason: str = ""
    advice: tuple[Advice, ...] = ()
    """What to do about a refusal."""


class SheetReport(BaseModel):
    """What became of a whole file."""

    tenant_id: int
    rows: list[SheetResult]
    ignored: list[str]
    """Headings that name nothing known here."""
