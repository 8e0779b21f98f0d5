"""The report of a replay."""

from models.reconciliation.effects import Effect, EffectKind, EffectOutcome, ReplayOutcome
from tasks.reconciliation.replay import Report
from tasks.run.artifacts import TABLE_LIMIT


def outcome(number: int, outcome: ReplayOutcome) -> EffectOutcome:
    return EffectOutcome(Effect(str(number), number, EffectKind.taken_in, "", "", None), outcome)


def test_a_full_table_keeps_what_changed() -> None:
    """The totals count everything."""
    report = Report()
    report.add([outcome(number, ReplayOutcome.done_before) for number in range(TABLE_LIMIT)], TABLE_LIMIT)
    assert len(report.rows()) == TABLE_LIMIT

    report.add([outcome(1, ReplayOutcome.done_before), outcome(2, ReplayOutcome.new)], 2)

    assert [row["order"] for row in report.rows()] == ["2"]
    assert report.text() == "2002 orders: 2001 done before, 1 new now"


def test_no_effects_are_said_in_words() -> None:
    """An order that was never here, for instance, and that the channel does not know."""
    report = Report()
    report.add([], 1)

    assert (report.text(), report.rows()) == ("1 orders: no effects", [])
