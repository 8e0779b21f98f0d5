"""A country is known by its ISO code or by the letters of its car plates."""

import pytest

from connectors.afterbuy.countries import ISO, LANGUAGES, PLATES, country_of


@pytest.mark.parametrize(
    ("iso", "plate", "country"),
    [
        ("DE", "D", "DE"),
        ("", "A", "AT"),
        ("", "CH", "CH"),
        ("", "F", "FR"),
        ("", "FR", "FR"),
        ("", "UK", "GB"),
        ("UK", "GB", "GB"),
        ("??", "NL", "NL"),
        ("", "", ""),
        ("", "Atlantis", ""),
        ("de", "", "DE"),
    ],
)
def test_a_country_comes_from_its_iso_code_or_its_car_plate(iso: str, plate: str, country: str) -> None:
    assert country_of(iso, plate) == country


def test_each_plate_is_of_a_country_that_there_is() -> None:
    assert set(PLATES.values()) <= ISO


def test_each_language_is_one_of_two_letters() -> None:
    assert all(len(language) == 2 and language.islower() for language in LANGUAGES.values())
