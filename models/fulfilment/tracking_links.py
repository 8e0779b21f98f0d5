"""Tracking links: where a carrier shows a parcel to its recipient.

No carrier promises that its link stays; a tenant's own go before these (`MailOptions.tracking_links`).
Source: the templates that most shop programs agree on, November 2026.
"""

from collections.abc import Mapping
from urllib.parse import quote

LINKS = {
    "dhl": "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={number}",
    "dpd": "https://tracking.dpd.de/status/de_DE/parcel/{number}",
    "gls": "https://gls-group.com/DE/de/paketverfolgung?match={number}",
    "hermes": "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation/#{number}",
    "ups": "https://www.ups.com/track?loc=de_DE&tracknum={number}",
}


def tracking_link(carrier: str, number: str, postcode: str = "", own: Mapping[str, str] | None = None) -> str:
    """Return the link of a parcel, empty if the carrier is not known or there is no number.

    A carrier is known by the first words of its name, as in "DHL Paket"; case does not matter.
    """
    number = "".join(number.split())
    words = " ".join(carrier.lower().split())
    templates = {**LINKS, **{name.lower(): template for name, template in (own or {}).items()}}
    # The longest name first: somebody's "DHL Express" goes before "DHL".
    for name in sorted(templates, key=len, reverse=True):
        if number and (words == name or words.startswith(f"{name} ")):
            return templates[name].format(
                number=quote(number, safe=""), postcode=quote("".join(postcode.split()), safe="")
            )
    return ""
