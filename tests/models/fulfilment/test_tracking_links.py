"""Links that show a buyer where a parcel is."""

import pytest

from models.fulfilment.tracking_links import tracking_link


@pytest.mark.parametrize(
    ("carrier", "number", "own", "expected"),
    [
        (
            "DHL",
            "0034 0434",
            {},
            "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode=00340434",
        ),
        ("dpd  Classic", "0998", {}, "https://tracking.dpd.de/status/de_DE/parcel/0998"),
        ("GLS", "1&x=2", {}, "https://gls-group.com/DE/de/paketverfolgung?match=1%26x%3D2"),
        ("UPS", "", {}, ""),
        ("Brieftaube", "7", {}, ""),
        ("DHLX", "7", {}, ""),
        (
            "DHL Express",
            "7",
            {"dhl express": "https://e.example/{number}/{postcode}"},
            "https://e.example/7/04109",
        ),
        ("DHL", "7", {"DHL": "https://own.example/{number}"}, "https://own.example/7"),
    ],
)
def test_a_parcel_has_the_link_of_its_carrier(
    carrier: str, number: str, own: dict[str, str], expected: str
) -> None:
    """By the first words of its name; numbers are escaped; a tenant's own links go first."""
    assert tracking_link(carrier, number, "04109", own) == expected
