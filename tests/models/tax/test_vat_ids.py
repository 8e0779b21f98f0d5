"""VAT IDs of the member states: with their check digits, or none."""

import pytest

from models.tax.vat_ids import plain_vat_id, vat_id_country


@pytest.mark.parametrize(
    "number",
    [
        "ATU13585627", "BE0428759497", "DE136695976", "DK13585628", "EE100931558", "EL094259216",
        "FI20774740", "FR40303265045", "HR33392005961", "HU12892312", "IT00743110157", "LU15027442",
        "MT11679112", "NL004495445B01", "PL8567346215", "PT501964843", "SE123456789701", "SI50223054",
        "SK2022749619",
    ],
)  # fmt: skip
def test_check_digits_of_vat_ids(number: str) -> None:
    """Examples of each state as its own papers have them; one digit off is none."""
    country = {"EL": "GR"}.get(number[:2], number[:2])
    place = next(index for index in range(4, len(number)) if number[index].isdigit())
    wrong = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]

    assert vat_id_country(plain_vat_id(f" {number[:2].lower()} {number[2:]}")) == country
    assert vat_id_country(wrong) == ""


def test_what_is_no_vat_id() -> None:
    """Rubbish, a state that is none, and too many digits."""
    for text in (
        "",
        "AT",
        "U13585627",
        "CHE123456789",
        "GB123456789",
        "DE1366959761",
        "DE13669597٦",
        "ATU\n",
    ):
        assert vat_id_country(text) == "", text
