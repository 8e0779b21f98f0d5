"""The goods of the sample shop, which sells coffee, tea, kitchen and garden articles; all invented."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Articles of one category: each noun is combined with each detail.

    A noun is (text, price in cents, weight in grams); a detail is (text, percent of price and weight).
    """

    code: str
    path: tuple[str, ...]
    tax: int
    unit: str
    brands: tuple[str, ...]
    nouns: tuple[tuple[str, int, int], ...]
    details: tuple[tuple[str, int], ...]
    text: str
    origin: str = "DE"
    material: str = ""


@dataclass(frozen=True)
class VariantFamily:
    """An article with axes; price and weight grow by `step` percent along the second axis."""

    code: str
    path: tuple[str, ...]
    tax: int
    brand: str
    title: str
    price: int
    weight: int
    axes: tuple[tuple[str, tuple[str, ...]], ...]
    text: str
    step: int = 0


GRINDS = (("ganze Bohne, 500 g", 100), ("gemahlen, 500 g", 100), ("ganze Bohne, 1 kg", 188), ("250 g", 55))
TEA_SIZES = (("100 g", 45), ("250 g", 100), ("500 g", 180))
SINGLE_OR_SET = (("", 100), ("2er-Set", 190), ("4er-Set", 360))
SIZES = (("klein", 80), ("mittel", 100), ("groß", 135))

FAMILIES = (
    Family(
        "KAF",
        ("Kaffee & Tee", "Kaffee"),
        7,
        "Kg",
        ("Rösterei Hafenkante", "Bohnenwerk Süd"),
        (
            ("Espresso „Nordlicht“", 1490, 540),
            ("Filterkaffee „Morgenröte“", 1290, 540),
            ("Röstkaffee „Äthiopien Yirga“", 1690, 540),
            ("Röstkaffee „Brasil Fazenda“", 1390, 540),
            ("Espresso „Dunkle Gasse“", 1550, 540),
            ("Kaffee „Stille Stunde“ entkoffeiniert", 1450, 540),
            ("Röstkaffee „Hochland Peru“ Bio", 1650, 540),
            ("Café Crème „Uferpromenade“", 1350, 540),
        ),
        GRINDS,
        "Schonend im Trommelröster geröstet, mit feiner Säure und vollem Körper.",
    ),
    Family(
        "TEE",
        ("Kaffee & Tee", "Tee"),
        7,
        "Kg",
        ("Teekontor Wilmsen", "Blattgold Tee"),
        (
            ("Assam kräftig", 890, 290),
            ("Darjeeling First Flush", 1690, 290),
            ("Ostfriesische Mischung", 790, 290),
            ("Grüntee Sencha", 990, 290),
            ("Kräutertee „Bergwiese“", 690, 290),
            ("Früchtetee „Rote Grütze“", 640, 290),
            ("Rooibos Vanille", 720, 290),
            ("Pfefferminze geschnitten", 590, 290),
            ("Earl Grey mit Bergamotte", 850, 290),
        ),
        TEA_SIZES,
        "Lose Blätter, von Hand verpackt. Kühl und trocken lagern.",
    ),
    Family(
        "ZUB",
        ("Kaffee & Tee", "Zubereitung"),
        19,
        "Stk",
        ("Brühwerk", "Kannenmeister"),
        (
            ("Kaffeebereiter Glas", 2990, 620),
            ("Handfilter Porzellan", 1890, 480),
            ("Teekanne mit Siebeinsatz", 3490, 890),
            ("Espressokocher Aluminium", 2690, 560),
            ("Handkaffeemühle Edelstahl", 5490, 700),
            ("Schwanenhalskessel", 4990, 980),
            ("Milchkännchen Edelstahl", 1590, 260),
        ),
        SIZES,
        "Für den Genuss in Ruhe. Einfach von Hand zu reinigen.",
        material="Edelstahl",
    ),
    Family(
        "MES",
        ("Küche & Haushalt", "Messer & Schneiden"),
        19,
        "Stk",
        ("Klingenhof", "Solbach"),
        (
            ("Kochmesser 20 cm", 6990, 240),
            ("Brotmesser 22 cm", 4990, 220),
            ("Gemüsemesser 9 cm", 1790, 90),
            ("Santokumesser 17 cm", 5990, 210),
            ("Schneidbrett Eiche", 3290, 1450),
            ("Wetzstahl 23 cm", 2690, 310),
            ("Küchenschere", 1990, 180),
        ),
        (("Griff Nussbaum", 120), ("Griff Kunststoff", 100), ("Serie „Alltag“", 85)),
        "Rostfreier Klingenstahl, von Hand abgezogen.",
        material="Klingenstahl",
    ),
    Family(
        "TOP",
        ("Küche & Haushalt", "Töpfe & Pfannen"),
        19,
        "Stk",
        ("Herdfeuer", "Gusswerk Löhne"),
        (
            ("Bräter Gusseisen", 8990, 4800),
            ("Stielkasserolle", 3490, 950),
            ("Schmortopf emailliert", 6990, 3900),
            ("Grillpfanne", 3990, 1800),
            ("Nudeltopf mit Sieb", 5490, 2300),
            ("Milchtopf", 2490, 700),
        ),
        SIZES,
        "Geeignet für alle Herdarten, auch Induktion.",
        material="Gusseisen",
    ),
    Family(
        "GES",
        ("Küche & Haushalt", "Geschirr & Gläser"),
        19,
        "Stk",
        ("Töpferei Grünau", "Glashütte Ilmtal"),
        (
            ("Müslischale Steinzeug", 1290, 420),
            ("Speiseteller 27 cm", 1490, 780),
            ("Frühstücksteller 21 cm", 1090, 480),
            ("Weinglas 0,4 l", 990, 160),
            ("Teeglas doppelwandig", 1190, 150),
            ("Kaffeebecher „Küste“", 1190, 360),
            ("Karaffe 1 l", 2490, 720),
            ("Butterdose mit Deckel", 1990, 690),
        ),
        SINGLE_OR_SET,
        "Spülmaschinenfest; jedes Stück leicht verschieden.",
        material="Steinzeug",
    ),
    Family(
        "BAC",
        ("Küche & Haushalt", "Backen"),
        19,
        "Stk",
        ("Backstube Hölzel", "Teigrolle & Co."),
        (
            ("Springform 26 cm", 1990, 610),
            ("Gugelhupfform", 2290, 540),
            ("Kastenform ausziehbar", 1690, 480),
            ("Nudelholz Buche", 1490, 520),
            ("Gärkörbchen Peddigrohr", 1390, 230),
            ("Rührschüssel 3 l", 1890, 640),
        ),
        (("", 100), ("mit Rezeptheft", 125), ("Profi", 160)),
        "Für Kuchen, Brot und Plätzchen.",
    ),
    Family(
        "ORD",
        ("Küche & Haushalt", "Aufbewahren & Ordnen"),
        19,
        "Stk",
        ("Ordnungshüter", "Kistenwerk"),
        (
            ("Vorratsglas mit Bügel", 890, 740),
            ("Brotkasten Zink", 4490, 2100),
            ("Gewürzregal Eiche", 3990, 1600),
            ("Flaschenkorb Draht", 2290, 900),
            ("Wäschebox Filz", 2990, 1150),
            ("Schlüsselbrett", 2690, 640),
        ),
        SIZES,
        "Schafft Platz und sieht gut aus.",
    ),
    Family(
        "REI",
        ("Küche & Haushalt", "Reinigen"),
        19,
        "Stk",
        ("Bürstenmacherei Thalmann", "Sauberfrau"),
        (
            ("Spülbürste Buchenholz", 690, 90),
            ("Handfeger Rosshaar", 1290, 210),
            ("Gallseife am Stück", 390, 110),
            ("Flaschenbürste", 590, 60),
            ("Besen Arenga", 1890, 720),
        ),
        (("", 100), ("3er-Pack", 270), ("mit Ersatzkopf", 150)),
        "Nachwachsende Rohstoffe, lange haltbar.",
    ),
    Family(
        "GAR",
        ("Garten", "Gartengeräte"),
        19,
        "Stk",
        ("Grünspecht", "Schmiede Ahrens"),
        (
            ("Handschaufel geschmiedet", 2290, 410),
            ("Rosenschere", 3490, 260),
            ("Pflanzholz Esche", 1490, 230),
            ("Unkrautstecher", 1890, 340),
            ("Rechen 12 Zinken", 2990, 1250),
            ("Spaten mit T-Griff", 5990, 2100),
            ("Gartenschlauchhalter", 2490, 980),
        ),
        (("Esche", 100), ("Edelstahl", 140), ("Kinder", 70)),
        "Solide geschmiedet, für Jahrzehnte gemacht.",
        material="Stahl",
    ),
    Family(
        "SAA",
        ("Garten", "Saatgut & Erde"),
        7,
        "Packung",
        ("Saatgut Hohenfels", "Beetfreude"),
        (
            ("Tomate „Ochsenauge“", 349, 15),
            ("Bohne „Blaue Hilde“", 299, 60),
            ("Kürbis „Roter Zentner“", 329, 20),
            ("Radieschen „Rundes Rotes“", 229, 15),
            ("Sommerblumen-Mischung", 399, 40),
            ("Wildkräuterwiese", 499, 80),
            ("Möhre „Lange Loiser“", 249, 15),
        ),
        (("", 100), ("Großpackung", 420), ("Bio", 130)),
        "Samenfest, keimgeprüft. Aussaat ab März.",
    ),
    Family(
        "VOG",
        ("Garten", "Vögel & Insekten"),
        19,
        "Stk",
        ("Nistwerk", "Flügelschlag"),
        (
            ("Nistkasten Meise", 2490, 1500),
            ("Futterhaus Lärche", 4990, 2600),
            ("Insektenhotel", 2990, 1900),
            ("Vogeltränke Keramik", 2790, 2200),
            ("Igelhaus", 5490, 5200),
        ),
        SIZES,
        "Aus heimischem Holz, unbehandelt.",
        material="Lärche",
    ),
    Family(
        "WOH",
        ("Wohnen", "Kerzen & Licht"),
        19,
        "Stk",
        ("Lichterhof", "Wachszieherei Brandl"),
        (
            ("Stumpenkerze Bienenwachs", 1490, 420),
            ("Windlicht Glas", 1790, 680),
            ("Kerzenständer Messing", 3290, 890),
            ("Teelichthalter Holz", 990, 240),
            ("Duftkerze „Tannengrün“", 1690, 380),
            ("Öllampe Ton", 2190, 540),
        ),
        SIZES,
        "Warmes Licht für lange Abende.",
    ),
    Family(
        "FEI",
        ("Kaffee & Tee", "Feinkost"),
        7,
        "Stk",
        ("Speisekammer Böhm", "Obsthof Quitzow"),
        (
            ("Blütenhonig", 790, 620),
            ("Aprikosenaufstrich", 490, 340),
            ("Ingwerstäbchen in Schokolade", 590, 180),
            ("Senf mittelscharf", 390, 290),
            ("Leinöl kaltgepresst", 890, 480),
            ("Knäckebrot Roggen", 420, 260),
        ),
        (("", 100), ("3er-Paket", 285), ("Geschenkdose", 150)),
        "Aus kleiner Herstellung.",
    ),
)

COLOURS = ("Anthrazit", "Salbeigrün", "Weiß", "Ziegelrot")
VARIANTS = (
    VariantFamily(
        "SCH",
        ("Küche & Haushalt", "Textilien"),
        19,
        "Leinenweberei Jäger",
        "Küchenschürze Leinen",
        2990,
        310,
        (("Farbe", ("Anthrazit", "Natur", "Salbeigrün")), ("Größe", ("M", "L"))),
        "Vorgewaschenes Leinen mit zwei Taschen.",
    ),
    VariantFamily(
        "PFA",
        ("Küche & Haushalt", "Töpfe & Pfannen"),
        19,
        "Gusswerk Löhne",
        "Bratpfanne Eisen geschmiedet",
        3990,
        1500,
        (("Größe", ("20 cm", "24 cm", "28 cm", "32 cm")),),
        "Wird mit jedem Braten besser.",
        step=22,
    ),
    VariantFamily(
        "BEC",
        ("Küche & Haushalt", "Geschirr & Gläser"),
        19,
        "Töpferei Grünau",
        "Kaffeebecher „Küste“ 300 ml",
        1390,
        380,
        (("Farbe", COLOURS),),
        "Von Hand glasiert.",
    ),
    VariantFamily(
        "TRI",
        ("Küche & Haushalt", "Unterwegs"),
        19,
        "Quellfrisch",
        "Trinkflasche Edelstahl",
        2490,
        280,
        (("Farbe", ("Blau", "Grün", "Schwarz")), ("Größe", ("0,5 l", "0,75 l"))),
        "Doppelwandig, hält zwölf Stunden warm.",
        step=20,
    ),
    VariantFamily(
        "TIS",
        ("Küche & Haushalt", "Textilien"),
        19,
        "Leinenweberei Jäger",
        "Tischdecke Halbleinen",
        4490,
        620,
        (("Farbe", ("Natur", "Rauchblau")), ("Größe", ("140 × 140 cm", "140 × 220 cm", "160 × 300 cm"))),
        "Mit Briefecken genäht.",
        step=40,
    ),
    VariantFamily(
        "HAN",
        ("Garten", "Bekleidung"),
        19,
        "Grünspecht",
        "Gartenhandschuhe Ziegenleder",
        1990,
        140,
        (("Farbe", ("Braun", "Grün")), ("Größe", ("7", "8", "9", "10"))),
        "Weich, fest und dornensicher.",
    ),
    VariantFamily(
        "GIE",
        ("Garten", "Bewässern"),
        19,
        "Grünspecht",
        "Gießkanne Stahlblech",
        2690,
        900,
        (("Farbe", ("Anthrazit", "Creme", "Petrol")), ("Größe", ("1,5 l", "5 l"))),
        "Pulverbeschichtet, mit Messingbrause.",
        step=45,
    ),
    VariantFamily(
        "STI",
        ("Garten", "Bekleidung"),
        19,
        "Pfützenheld",
        "Gummistiefel Naturkautschuk",
        5990,
        1600,
        (("Größe", ("37", "38", "39", "40", "41", "42", "43")),),
        "Gefüttert und biegsam.",
    ),
    VariantFamily(
        "KUE",
        ("Garten", "Töpfe & Kübel"),
        19,
        "Töpferei Grünau",
        "Pflanzkübel Terrakotta",
        1990,
        2200,
        (("Farbe", ("Natur", "Weiß")), ("Größe", ("20 cm", "30 cm", "40 cm"))),
        "Frostfest gebrannt.",
        step=60,
    ),
    VariantFamily(
        "KIS",
        ("Wohnen", "Kissen & Decken"),
        19,
        "Wollwerk Eifel",
        "Sitzkissen Wollfilz",
        2290,
        240,
        (("Farbe", (*COLOURS, "Senfgelb")),),
        "Reine Schurwolle, 35 cm rund.",
    ),
    VariantFamily(
        "DEC",
        ("Wohnen", "Kissen & Decken"),
        19,
        "Wollwerk Eifel",
        "Wolldecke Fischgrat",
        8990,
        1300,
        (("Farbe", ("Grau", "Nachtblau", "Rost")),),
        "Gewebt in der Eifel, 140 × 200 cm.",
    ),
    VariantFamily(
        "LAT",
        ("Wohnen", "Kerzen & Licht"),
        19,
        "Lichterhof",
        "Laterne Metall",
        3490,
        1400,
        (("Farbe", ("Schwarz", "Zink")), ("Größe", ("klein", "groß"))),
        "Mit Tür und Tragegriff.",
        step=55,
    ),
    VariantFamily(
        "DOS",
        ("Küche & Haushalt", "Unterwegs"),
        19,
        "Quellfrisch",
        "Brotdose Edelstahl",
        1890,
        260,
        (("Größe", ("800 ml", "1200 ml")),),
        "Dicht schließend, ohne Kunststoff.",
        step=30,
    ),
    VariantFamily(
        "TUC",
        ("Küche & Haushalt", "Textilien"),
        19,
        "Leinenweberei Jäger",
        "Geschirrtuch Waffelpiqué",
        890,
        90,
        (("Farbe", ("Blau", "Grau", "Rot", "Weiß")),),
        "Saugfähig, 50 × 70 cm.",
    ),
)

BUNDLES = (
    "Geschenkset „Teestunde“",
    "Starterset „Frisch geröstet“",
    "Küchenset „Erste Wohnung“",
    "Gartenset „Hochbeet“",
    "Backset „Sonntagskuchen“",
    "Frühstücksset für zwei",
    "Vorratsset „Speisekammer“",
    "Präsentkorb „Kleine Auszeit“",
    "Set „Vogelfreund“",
    "Set „Lichterabend“",
)
