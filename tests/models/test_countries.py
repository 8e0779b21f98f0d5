"""Countries and the shape of their postcodes."""

import pytest

from models.countries import COUNTRIES, POSTCODES, postcode_fits


@pytest.mark.parametrize(
    ("country", "fitting", "misfit"),
    [
        ("DE", "01067", "1067"),
        ("AT", "A-1010", "10100"),
        ("NL", "1012 AB", "1012"),
        ("GB", "SW1A 1AA", "12345"),
        ("JE", "JE2 3AB", "2 3AB9"),
        ("PL", "00-950", "0-0950"),
        ("PT", "1000-001", "100"),
        ("LT", "LT-01100", "1100"),
    ],
)
def test_postcodes(country: str, fitting: str, misfit: str) -> None:
    """Each country's form is known, its letters in front are a habit; elsewhere any text fits."""
    assert postcode_fits(country, fitting)
    assert not postcode_fits(country, misfit)
    assert postcode_fits("IE", misfit)
    assert set(POSTCODES) <= COUNTRIES
