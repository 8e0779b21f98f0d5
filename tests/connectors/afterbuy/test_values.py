"""Numbers, dates and switches as Afterbuy spells them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.afterbuy.values import (
    BERLIN,
    clean_text,
    day_alone,
    earliest_reading,
    format_decimal,
    format_instant,
    format_window_start,
    parse_day,
    parse_decimal,
    parse_flag,
    parse_instant,
    parse_utc,
    parse_whole,
    valid_gtin,
    value_class,
)

AMOUNTS = st.decimals(min_value=-(10**13), max_value=10**13, places=4, allow_nan=False, allow_infinity=False)

_SECONDS = st.integers(min_value=946_684_800, max_value=2_051_222_400)
INSTANTS = _SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("112,30", "112.30"),
        ("5.9", "5.90"),
        ("10.0", "10.00"),
        ("0", "0.00"),
        ("0,00", "0.00"),
        ("1,2", "1.20"),
        ("1.234,56", "1234.56"),
        ("1.234.567", "1234567.00"),
        ("1.234.567,8", "1234567.80"),
        ("1,234.56", "1234.56"),
        ("1,234,567", "1234567.00"),
        ("1.234", "1.234"),
        ("-3,50", "-3.50"),
        (",5", "0.50"),
        ("5,", "5.00"),
        (" 1 234,5\u00a0", "1234.50"),
        ("1E-05", "0.00001"),
        ("1.5E+01", "15.00"),
    ],
)
def test_both_decimal_spellings_are_read(text: str, value: str) -> None:
    assert parse_decimal(text) == Decimal(value)
    assert f"{parse_decimal(text):f}" == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "-",
        "abc",
        "12.34,56",
        "1,2,3",
        "1.2.3",
        "1,23.4",
        "NaN",
        "Infinity",
        "1e999",
        "٣",
        "5€",
        "9" * 40,
        "0x10",
        "1_000",
        "100000000000000",
    ],
)
def test_what_is_no_number_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match="not a number") as caught:
        parse_decimal(text)
    assert not text or text not in str(caught.value)


@given(AMOUNTS)
def test_a_number_survives_being_written_and_read(amount: Decimal) -> None:
    assert parse_decimal(format_decimal(amount)) == amount


@given(AMOUNTS)
def test_every_spelling_of_a_number_means_the_same(amount: Decimal) -> None:
    english = f"{amount:,f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert parse_decimal(english) == parse_decimal(german) == parse_decimal(f"{amount:f}") == amount


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_a_value_error(text: str) -> None:
    try:
        number = parse_decimal(text)
    except ValueError:
        return
    assert number.is_finite()


@pytest.mark.parametrize(
    ("number", "text"),
    [("12.5", "12,50"), ("0", "0,00"), ("1234567.891", "1234567,891"), ("1E+3", "1000,00"), ("-2", "-2,00")],
)
def test_numbers_are_written_with_comma_and_without_thousands_marks(number: str, text: str) -> None:
    assert format_decimal(Decimal(number)) == text


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("-2", -2), ("2,00", 2), ("2.0", 2), ("007", 7)])
def test_whole_numbers_may_be_spelled_as_decimals(text: str, value: int) -> None:
    assert parse_whole(text) == value


def test_half_a_piece_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        parse_whole("2,5")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", True),
        ("0", False),
        ("-1", True),
        ("True", True),
        ("False", False),
        ("true", True),
        ("ja", True),
        ("nein", False),
        ("Yes", True),
        ("No", False),
    ],
)
def test_every_spelling_of_a_switch_is_read(text: str, value: bool) -> None:
    assert parse_flag(text) is value


def test_an_unknown_switch_is_refused() -> None:
    with pytest.raises(ValueError, match="neither yes nor no"):
        parse_flag("vielleicht")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("21.11.2026 22:09:15", datetime(2026, 11, 21, 21, 9, 15, tzinfo=UTC)),
        ("21.07.2026 22:09:15", datetime(2026, 7, 21, 20, 9, 15, tzinfo=UTC)),
        ("1.7.2026 9:05:03", datetime(2026, 7, 1, 7, 5, 3, tzinfo=UTC)),
        ("01.07.2026", datetime(2026, 6, 30, 22, 0, tzinfo=UTC)),
        ("01.07.2026 10:30", datetime(2026, 7, 1, 8, 30, tzinfo=UTC)),
        ("2026-07-01T10:30:00", datetime(2026, 7, 1, 8, 30, tzinfo=UTC)),
        ("2026-07-01 10:30:00.123", datetime(2026, 7, 1, 8, 30, tzinfo=UTC)),
        ("2026-07-01T10:30:00Z", datetime(2026, 7, 1, 10, 30, tzinfo=UTC)),
        ("2026-07-01T10:30:00+02:00", datetime(2026, 7, 1, 8, 30, tzinfo=UTC)),
    ],
)
def test_a_wall_clock_in_berlin_becomes_an_instant(text: str, utc: datetime) -> None:
    assert parse_instant(text) == utc


@pytest.mark.parametrize("text", ["30.12.1899 00:00:00", "01.01.0001", "01.01.1900", "0001-01-01T00:00:00"])
def test_a_zero_date_is_none(text: str) -> None:
    assert parse_instant(text) is None
    assert parse_day(text) is None


@pytest.mark.parametrize(
    "text", ["31.02.2026", "2026", "heute", "12/31/2026", "01.07.2026 25:00:00", "1.7.26"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        parse_instant(text)


def test_the_doubled_autumn_hour_is_read_as_its_first_pass() -> None:
    assert parse_instant("25.10.2026 02:30:00") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_an_hour_that_spring_leaves_out_is_read_an_hour_later() -> None:
    assert parse_instant("29.03.2026 02:30:00") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("minute", [0, 30, 59])
@pytest.mark.parametrize("hour", [0, 1])
def test_a_window_from_within_the_doubled_hour_starts_before_both_passes(hour: int, minute: int) -> None:
    since = datetime(2026, 10, 25, hour, minute, tzinfo=UTC)
    assert format_window_start(since) == "25.10.2026 02:00:00"


@given(INSTANTS)
def test_a_window_never_starts_after_what_it_is_for(at: datetime) -> None:
    """Whatever changed at that instant carries a wall clock at or after the window's start."""
    written = format_window_start(at)
    wall = at.astimezone(BERLIN).replace(tzinfo=None)
    assert datetime.strptime(written, "%d.%m.%Y %H:%M:%S") <= wall  # noqa: DTZ007


@given(INSTANTS)
def test_an_instant_survives_being_written_and_read_save_in_the_doubled_hour(at: datetime) -> None:
    wall = at.astimezone(BERLIN)
    read = parse_instant(format_instant(at))
    assert read == at or (wall.fold == 1 and read == wall.replace(fold=0).astimezone(UTC))


@given(INSTANTS)
def test_nothing_is_read_earlier_than_its_earliest_reading(at: datetime) -> None:
    """In the hour that occurs twice, too; outside it not a second is given away."""
    read = parse_instant(format_instant(at))
    earliest = earliest_reading(at)

    assert read is not None
    assert earliest <= read
    assert read == earliest or at - earliest < timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("01.07.2026", date(2026, 7, 1)),
        ("01.07.2026 00:00:00", date(2026, 7, 1)),
        ("25.10.2026 00:00:00", date(2026, 10, 25)),
        ("01.07.2026 00:00:01", None),
        ("30.12.1899", None),
    ],
)
def test_a_midnight_is_a_day_without_time(text: str, day: date | None) -> None:
    assert day_alone(parse_instant(text)) == day


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_a_value_error(text: str) -> None:
    try:
        parse_instant(text)
    except ValueError:
        return


def test_a_day_keeps_its_date_whatever_the_clock() -> None:
    assert parse_day("01.07.2026 00:30:00") == date(2026, 7, 1)


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("4006381333931", "4006381333931"),
        ("04006381333931", "04006381333931"),
        ("96385074", "96385074"),
        ("036000291452", "036000291452"),
        ("4006381333932", ""),
        ("1E2A3N", ""),
        ("0" * 13, ""),
        ("", ""),
    ],
)
def test_only_a_number_with_its_check_digit_is_a_gtin(text: str, gtin: str) -> None:
    assert valid_gtin(text) == gtin


def test_forbidden_characters_leave_a_text() -> None:
    assert clean_text("a\x00b\x0b\tc\ud800\ufffe\U0001f600") == "ab\tc\U0001f600"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing"),
        ("", "nothing"),
        ("Jürgen", "text of 6 characters"),
        ("1,5", "a number of 3 characters"),
        ({"a": "b"}, "further elements"),
    ],
)
def test_a_value_is_described_without_being_shown(value: object, said: str) -> None:
    assert value_class(value) == said


@given(
    st.text(max_size=400)
    | st.from_regex(r"\A[0-9]{1,4}[-.][0-9]{1,2}[-.][0-9]{1,4}[T ][0-9:]{0,8}[-+Z0-9:]{0,6}\Z")
)
def test_no_text_breaks_a_reader(text: str) -> None:
    """Any text is a value that fits everywhere it goes, or a ValueError."""
    for parse in (parse_decimal, parse_whole, parse_flag, parse_instant, parse_day, parse_utc):
        try:
            value = parse(text)
        except ValueError:
            continue
        if isinstance(value, datetime):
            assert 1989 < value.year < 2202
            assert value - timedelta(days=400) < value.astimezone(UTC) + timedelta(days=400)
