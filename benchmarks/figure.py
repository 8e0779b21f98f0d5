"""What a figure consists of: rows of the table, each with its floor."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

KINDS = ("sqlite", "postgresql")


@dataclass
class Row:
    """One measured value: all its runs and those of its floor, both in `unit`."""

    figure: str
    case: str
    database: str
    size: int
    unit: str
    values: Sequence[float]
    floor: Sequence[float] = ()
    peak_mb: float | None = None
    """Highest memory use of the process that measured it."""
    budget: str = ""
    reached: bool | None = None
    note: str = ""

    @property
    def value(self) -> float:
        """The median of all runs."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """Value divided by floor: for rates, higher is better; for seconds, lower."""
        return self.value / statistics.median(self.floor) if self.floor else None

    def as_dict(self) -> dict[str, Any]:
        """Return this row for the JSON file."""
        return {
            "figure": self.figure,
            "case": self.case,
            "database": self.database,
            "size": self.size,
            "unit": self.unit,
            "median": self.value,
            "lowest": min(self.values),
            "highest": max(self.values),
            "runs": len(self.values),
            "floor": statistics.median(self.floor) if self.floor else None,
            "ratio": self.ratio,
            "peak_mb": self.peak_mb,
            "budget": self.budget,
            "reached": self.reached,
            "note": self.note,
        }


@dataclass(frozen=True)
class Plan:
    """What to measure: on which databases, at which sizes, how often."""

    extent: str = "default"
    """small, default or full."""
    kinds: Sequence[str] = KINDS
    runs: int = 3
    sizes: Sequence[int] = field(default_factory=tuple)
    """Replace the figure's own sizes."""

    def sizes_of(self, small: Sequence[int], default: Sequence[int], full: Sequence[int]) -> Sequence[int]:
        """Return the sizes to measure, ascending."""
        by_extent = {"small": small, "default": default, "full": full}
        return sorted(self.sizes) or by_extent[self.extent]

    def runs_at(self, size: int) -> int:
        """Return the number of runs: one where a run takes minutes, unless everything was requested."""
        return self.runs if self.extent == "full" or size <= 20_000 else 1


class Figure(Protocol):
    """How one figure is measured. A module is an instance of it."""

    NAME: str

    def measure(self, plan: Plan, /) -> Iterator[Row]:
        """Yield the rows of the table as they are measured. Raises: MissingError."""


class MissingError(Exception):
    """This figure cannot be measured here; the message says why."""
