"""The result table: one line per row, and the same as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figure import Row

HEAD = ("figure", "case", "database", "size", "median", "unit", "floor", "ratio", "peak MB", "budget", "")


def cells_of(row: Row) -> tuple[str, ...]:
    """Return a row's text in each column."""
    known = row.as_dict()
    verdict = {None: "", True: "reached", False: "NOT REACHED"}[row.reached]
    return (
        row.figure,
        row.case,
        row.database,
        f"{row.size:,}" if row.size else "",
        figure_text(row.value),
        row.unit,
        figure_text(known["floor"]),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.peak_mb is None else f"{row.peak_mb:.0f}",
        row.budget,
        f"{verdict} ({row.note})" if verdict and row.note else verdict or row.note,
    )


def figure_text(value: float | None) -> str:
    """Return a number with three significant digits; empty for None."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def render(rows: Sequence[Row]) -> str:
    """Return all rows as a markdown table, aligned for reading as plain text."""
    table = [HEAD, *(cells_of(row) for row in rows)]
    widths = [max(len(line[place]) for line in table) for place in range(len(HEAD))]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in table
    ]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    return "\n".join(lines)


def write_json(file: Path, rows: Sequence[Row], machine: dict[str, str]) -> None:
    """Write all rows and the facts about the machine."""
    content = {"machine": machine, "rows": [row.as_dict() for row in rows]}
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
