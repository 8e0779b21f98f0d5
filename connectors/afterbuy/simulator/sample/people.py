"""Buyers of the sample shop. Names and houses are invented; mail addresses use reserved domains."""

from random import Random

from connectors.afterbuy.simulator.records import Address

WOMEN = ("Käthe", "Sabine", "Jördis", "Ayşe", "Ulrike", "Marlène", "Gönül", "Heike", "Zoë", "Annegret")
MEN = ("Jürgen", "Björn", "Günter", "Mehmet", "Søren", "Uwe", "Łukasz", "René", "Torsten", "Matthäus")
LAST_NAMES = (
    "Müller",
    "Großmann",
    "Schäfer",
    "Öztürk",
    "Weißgerber",
    "von der Lühe",
    "Köhler-Brandt",
    "Yılmaz",
    "Preuß",
    "Kühn",
    "Jäger",
    "Nowak",
    "Börner",
    "Haßlinger",
    "D'Angelo",
    "Süßmilch",
)
STREETS = (
    "Lindenstraße",
    "Am Mühlgraben",
    "Große Bleiche",
    "Königsallee",
    "Straße des 17. Juni",
    "Öjendorfer Weg",
    "Schloßplatz",
    "Grüner Winkel",
    "An der Weißeritz",
    "Bürgermeister-Schütte-Straße",
)
TOWNS = (
    ("04229", "Leipzig"),
    ("80331", "München"),
    ("50667", "Köln"),
    ("01067", "Dresden"),
    ("20095", "Hamburg"),
    ("99084", "Erfurt"),
    ("79098", "Freiburg im Breisgau"),
    ("40213", "Düsseldorf"),
    ("97070", "Würzburg"),
    ("23552", "Lübeck"),
    ("73728", "Esslingen am Neckar"),
    ("06844", "Dessau-Roßlau"),
)
ABROAD = (
    ("A", "AT", "Mariahilfer Straße 88/12", "1070", "Wien", "+43 1 0000"),
    ("A", "AT", "Getreidegäßchen 9", "5020", "Salzburg", "+43 662 0000"),
    ("CH", "CH", "Zähringerstrasse 24", "8001", "Zürich", "+41 44 0000"),
    ("F", "FR", "12 bis, rue de l'Église", "67000", "Strasbourg", "+33 3 0000"),
    ("NL", "NL", "Prinsengracht 301-hs", "1016 GZ", "Amsterdam", "+31 20 0000"),
    ("DK", "DK", "Nørrebrogade 45, 2. th", "2200", "København N", "+45 0000"),
)
COMPANIES = (
    "Möbelhaus Gebr. Schröter GmbH & Co. KG",
    "Kita „Zwergenland“ e. V.",
    "Café Süßes Eck",
    "Ingenieurbüro Thießen & Söhne",
    "Landgasthof Zur Mühle",
    "Praxis Dr. Fröhlich",
)
_PLAIN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ş": "s", "ı": "i", "ø": "o", "ł": "l"}
    | {"è": "e", "é": "e", "ë": "e", "'": "", " ": "-"}
)


def buyer(rng: Random, platform: str, *, abroad: bool = False) -> Address:
    """Return a private buyer in Germany, or in a neighbouring country."""
    woman = rng.random() < 0.5
    first, last = rng.choice(WOMEN if woman else MEN), rng.choice(LAST_NAMES)
    number = rng.randrange(10_000)
    name = f"{first}.{last}".lower().translate(_PLAIN)
    address = Address(
        first_name=first,
        last_name=last,
        title=("Frau" if woman else "Herr") if rng.random() < 0.8 else "",
        mail=f"{name}.{number}@{'marktplatz' if platform == 'amazon' else 'post'}.example",
        platform_user=f"{name.partition('.')[2]}{number}" if platform in ("ebay", "amazon") else "",
    )
    if abroad:
        plate, iso, street, code, city, phone = rng.choice(ABROAD)
        address.street, address.postal_code, address.city, address.phone = street, code, city, phone
        address.country, address.country_iso = plate, iso
        return address
    address.street = f"{rng.choice(STREETS)} {rng.randrange(1, 180)}{rng.choice(('', '', '', ' a', ' b'))}"
    address.postal_code, address.city = rng.choice(TOWNS)
    # These telephone numbers are reserved for films and print.
    address.phone = f"030 23125 {rng.randrange(1000):03d}" if rng.random() < 0.5 else ""
    return address


def merchant(rng: Random, platform: str) -> Address:
    """Return a company as a buyer; some have no person's name."""
    address = buyer(rng, platform)
    address.company, address.is_merchant, address.title = rng.choice(COMPANIES), True, ""
    address.tax_id = f"DE{rng.randrange(10**9):09d}"
    if rng.random() < 0.5:
        address.first_name = address.last_name = ""
    return address


def packing_station(rng: Random, billing: Address) -> Address:
    """Return a shipping address at a parcel locker; the post number is in the second line."""
    code, city = rng.choice(TOWNS)
    return Address(
        first_name=billing.first_name,
        last_name=billing.last_name,
        street=f"Packstation {rng.randrange(101, 199)}",
        street2=f"{rng.randrange(10**7, 10**8)}",
        postal_code=code,
        city=city,
    )
