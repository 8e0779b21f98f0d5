"""Tracking links: the carrier's web page that shows a parcel to its recipient.

Carriers may change their links without notice; a tenant's own links take precedence
(`MailOptions.tracking_links`).
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
    """Return a parcel's tracking link; empty if the carrier is unknown or there is no number.

    A carrier is recognised by the first words of its name, as in "DHL Paket"; case is ignored.
    """
    number = "".join(number.split())
    words = " ".join(carrier.lower().split())
    templates = {**LINKS, **{name.lower(): template for name, template in (own or {}).items()}}
    # The longest name first: a tenant's own "DHL Express" wins over "DHL".
    for name in sorted(templates, key=len, reverse=True):
        if number and (words == name or words.startswith(f"{name} ")):
            return templates[name].format(
                number=quote(number, safe=""), postcode=quote("".join(postcode.split()), safe="")
            )
    return ""
