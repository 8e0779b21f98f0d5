"""Results of a spreadsheet import."""

from enum import StrEnum

from pydantic import BaseModel

from models.errors import Advice


class SheetOutcome(StrEnum):
    new = "new"
    changed = "changed"
    unchanged = "unchanged"
    refused = "refused"


class SheetResult(BaseModel):
    """The result of one row; `row` counts as the spreadsheet program does, headings included."""

    row: int
    sku: str = ""
    order: str = ""
    """The order number, in sheets about orders."""
    outcome: SheetOutcome
    reason: str = ""
    advice: tuple[Advice, ...] = ()
    """What to do about a refusal."""


class SheetReport(BaseModel):
    """The results of a whole file."""

    tenant_id: int
    rows: list[SheetResult]
    ignored: list[str]
    """Headings of unknown columns."""
