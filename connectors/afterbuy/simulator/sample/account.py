"""The sample account: 500 articles and 300 orders of a plausible German shop, all invented."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product as combinations
from random import Random

from connectors.afterbuy.simulator.calls.product_updates import check_digit
from connectors.afterbuy.simulator.records import (
    Attribute,
    Discount,
    Line,
    Member,
    NamedPrice,
    Order,
    Picture,
    Product,
    Tier,
)
from connectors.afterbuy.simulator.sample.arrivals import for_sale, random_order
from connectors.afterbuy.simulator.sample.goods import BUNDLES, FAMILIES, VARIANTS, Family, VariantFamily
from connectors.afterbuy.simulator.sample.people import buyer
from connectors.afterbuy.simulator.state import State, add_parcels, utc_now
from connectors.afterbuy.simulator.values import CENT

PICTURES = "https://bilder.warenfluss.example/"
DAYS = 14


def sample_state(
    *, seed: int = 2026, products: int = 500, orders: int = 300, now: datetime | None = None
) -> State:
    """Return the account's state; the same arguments give the same state.

    With `now` the account's clock stands still; without it, the clock runs and the orders end at the present.
    """
    rng = Random(seed)  # noqa: S311 - variety, not secrecy
    end = now or utc_now()
    state = State(now=lambda: end - timedelta(days=60))
    builder = _Shop(state, rng)
    builder.stock(products)
    _sell(state, rng, orders, end)
    state.now = (lambda: end) if now else utc_now
    return state


class _Shop:
    """Creates categories and articles."""

    def __init__(self, state: State, rng: Random) -> None:
        """Start with an empty shop."""
        self.state = state
        self.rng = rng
        self.catalogs: dict[tuple[str, ...], int] = {}
        self.count = 0

    def stock(self, total: int) -> None:
        """Add `total` articles: first variation sets and bundles, then single articles."""
        for path in sorted({family.path for family in (*FAMILIES, *VARIANTS)}, key=lambda path: path[::-1]):
            self.catalog(path)
        bundles = min(2 * len(BUNDLES), total // 25)
        for varied in VARIANTS[: total // 30]:
            self.variants(varied)
        candidates = [
            (family, noun, detail)
            for family in FAMILIES
            for noun, detail in combinations(family.nouns, family.details)
        ]
        # Each with two brands, so that the tables suffice for 500 articles.
        branded = [(brand, *candidate) for brand in (0, 1) for candidate in candidates]
        self.rng.shuffle(branded)
        for brand, family, noun, detail in branded[: max(total - bundles - len(self.state.products), 0)]:
            self.single(family, family.brands[brand], noun, detail)
        for number in range(bundles):
            self.bundle(number)

    def catalog(self, path: tuple[str, ...]) -> int:
        """Return the id of a category; children have lower ids than their parents, as in old shops."""
        if path not in self.catalogs:
            if len(path) > 1:
                child = self.state.add_catalog(path[-1], position=len(self.catalogs))
                self.catalogs[path] = child.id
                child.parent_id, child.level = self.catalog(path[:-1]), 1
            else:
                self.catalogs[path] = self.state.add_catalog(path[0], position=len(self.catalogs)).id
        return self.catalogs[path]

    def single(
        self, family: Family, brand: str, noun: tuple[str, int, int], detail: tuple[str, int]
    ) -> Product:
        """Add one article."""
        title = f"{brand} {noun[0]}" + (f", {detail[0]}" if detail[0] else "")
        product = self._article(
            title,
            family.code,
            family.path,
            family.tax,
            brand,
            noun[1] * detail[1] // 100,
            noun[2] * detail[1] // 100,
        )
        product.unit, product.country_of_origin = family.unit, family.origin
        self._describe(product, family.text)
        if family.material:
            product.extra["Material"] = family.material
            product.attributes.append(Attribute("Material", family.material, 0, False, 0))
        if detail[0] and self.rng.random() < 0.6:
            product.attributes.append(Attribute("Ausführung", detail[0], 0, False, 1))
        if self.rng.random() < 0.15:
            product.attributes.append(Attribute("Geschenkverpackung", ";ohne;Papier;Stoff", 2, True, 2))
        if self.rng.random() < 0.25:
            price = product.selling_price
            product.tiers = [
                Tier(6, cents(price * 95 / 100), cents(price * 70 / 100)),
                Tier(12, cents(price * 90 / 100), cents(price * 65 / 100)),
            ]
        if self.rng.random() < 0.1:
            value = cents(product.selling_price / Decimal("1.19"))
            product.prices = [NamedPrice(3, "Gastronomie", value, pretax=True)]
        if self.rng.random() < 0.04:
            self._discount(product)
        if family.tax == 7 and family.unit == "Kg":
            product.baseprice_factor = (product.weight * Decimal("0.92")).quantize(CENT)
        if self.rng.random() < 0.05:
            product.languages["AT"] = {"Name": product.name, "Beschreibung": product.description, "ust": "20"}
        return product

    def variants(self, family: VariantFamily) -> Product:
        """Add a variation set: the members first, then the parent."""
        members: list[Member] = []
        for place, values in enumerate(combinations(*(values for _, values in family.axes))):
            axes = list(zip((name for name, _ in family.axes), values, strict=True))
            grown = 100 + family.step * family.axes[-1][1].index(values[-1])
            product = self._article(
                f"{family.brand} {family.title} {', '.join(values)}",
                family.code,
                family.path,
                family.tax,
                family.brand,
                family.price * grown // 100,
                family.weight * grown // 100,
            )
            product.attributes = [
                Attribute(name, value, 0, False, position) for position, (name, value) in enumerate(axes)
            ]
            self._describe(product, family.text)
            label = "; ".join(f"{name}: {value}" for name, value in axes)
            members.append(Member(product.id, 1, label, place == 0, place, axes))
        parent = self._article(
            f"{family.brand} {family.title}",
            family.code,
            family.path,
            family.tax,
            family.brand,
            family.price,
            0,
        )
        self.state.set_product(parent.id, kind=1, members=members, quantity=0)
        parent.variation_name, parent.gtin = family.title, ""
        self._describe(parent, family.text)
        return parent

    def bundle(self, number: int) -> Product:
        """Add a product set of two or three articles, about 8 % cheaper than these."""
        shelf = [product for product in self.state.products.values() if product.kind == 0]
        parts = self.rng.sample(shelf, self.rng.choice((2, 2, 3)))
        members = [
            Member(part.id, self.rng.choice((1, 1, 2)), "", False, place) for place, part in enumerate(parts)
        ]
        figures = list(zip(parts, members, strict=True))
        worth = sum((part.selling_price * member.quantity for part, member in figures), Decimal(0))
        grams = sum(int(part.weight * 1000) * member.quantity for part, member in figures)
        title = BUNDLES[number % len(BUNDLES)] + (
            f" Nr. {number // len(BUNDLES) + 1}" if number >= len(BUNDLES) else ""
        )
        tax = max(int(part.tax_rate) for part in parts)
        product = self._article(title, "SET", ("Geschenksets",), tax, "", int(worth * 92), grams)
        self.state.set_product(product.id, kind=2, members=members, quantity=0)
        self._describe(product, "Enthält: " + ", ".join(part.name for part in parts) + ".")
        return product

    def _article(
        self, title: str, code: str, path: tuple[str, ...], tax: int, brand: str, price: int, grams: int
    ) -> Product:
        """Add an article with the data that every article has; `price` is in cents."""
        self.count += 1
        rounded = Decimal(max(price // 10 * 10 + 9, 99)) / 100
        picture = f"{PICTURES}{code.lower()}-{1000 + self.count}"
        # GTINs that begin with 2 are for internal use in shops, so these belong to no real article.
        digits = f"2{self.rng.randrange(10**6):06d}{self.count:05d}"
        product = self.state.add_product(
            title,
            anr=str(100_000 + self.count),
            ean=f"{code}-{1000 + self.count}",
            quantity=self.rng.choices(
                (0, self.rng.randrange(1, 12), self.rng.randrange(12, 160)), (6, 24, 70)
            )[0],
            minimum_stock=self.rng.choice((0, 0, 3, 5)),
            merge_stock=self.rng.random() < 0.9,
            selling_price=rounded,
            buying_price=cents(rounded * self.rng.randrange(38, 62) / 100),
            dealer_price=cents(rounded * 75 / 100),
            tax_rate=Decimal(tax),
            weight=Decimal(grams) / 1000,
            brand=brand,
            gtin=digits + check_digit(digits),
            manufacturer_part_number=f"{brand[:2].upper()}{self.rng.randrange(10_000):04d}-{self.count}"
            if brand
            else "",
            catalogs=[self.catalog(path)],
            image_large=f"{picture}.jpg",
            image_small=f"{picture}-klein.jpg",
            discontinued=self.rng.random() < 0.02,
        )
        product.extra["DeliveryTime"] = self.rng.choice(("1-2 Werktage", "2-4 Werktage", "sofort lieferbar"))
        product.extra["Stocklocation_1"] = f"{self.rng.choice('ABCD')}-{self.rng.randrange(1, 30):02d}"
        if self.rng.random() < 0.4:
            product.pictures = [
                Picture(nr, f"{picture}-{nr}.jpg", f"{title} Ansicht {nr}", sizes=nr == 1)
                for nr in range(1, self.rng.randrange(2, 5))
            ]
        return product

    def _describe(self, product: Product, text: str) -> None:
        """Set an article's texts; the description is HTML."""
        product.short_description = f"{product.name}. {text}"
        product.description = (
            f"<h2>{product.name}</h2>\n<p>{text}</p>\n<ul><li>Größe & Gewicht: siehe Tabelle</li></ul>"
        )
        product.keywords = ", ".join(product.name.replace(",", "").split()[:4])

    def _discount(self, product: Product) -> None:
        """Put an article on sale for 90 days, at 15 % less."""
        now = self.state.now()
        price = cents(product.selling_price * 85 / 100)
        off = product.selling_price - price
        product.discounts = [
            Discount(now, now + timedelta(days=90), 0, Decimal("15.0"), off, price),
        ]


def cents(value: Decimal) -> Decimal:
    """Round a price to cents."""
    return value.quantize(CENT)


def _sell(state: State, rng: Random, count: int, end: datetime) -> None:
    """Place the orders of the last `DAYS` days; every so often one is a special case."""
    moments = sorted(end - timedelta(seconds=rng.randrange(3600, DAYS * 86_400)) for _ in range(count))
    specials = [
        _unknown_article,
        _only_external_number,
        _only_article_number,
        _part_paid,
        _not_checked_out,
        _swiss_francs,
        _danish_crowns,
        _several_parcels,
        _cash_on_delivery,
        _company_ships_elsewhere,
    ]
    # Spread over the whole time, each twice where possible, so that every page of orders has one.
    rares = [_wrong_total, _merged, *specials, *specials]
    places = {place * max(count // len(rares), 1): rare for place, rare in enumerate(rares)}
    for place, moment in enumerate(moments):
        state.now = lambda moment=moment: moment.astimezone(UTC).replace(microsecond=0)  # type: ignore[misc]
        special = places.get(place)
        if special is not None:
            special(state, rng)
            continue
        order = random_order(state, rng)
        if order is not None and order.order_id:
            _follow(state, order, rng, end)


def _follow(state: State, order: Order, rng: Random, end: datetime) -> None:
    """Add invoice and shipment to most orders that are paid and at least three days old."""
    if order.already_paid < order.full_amount or end - order.placed_at < timedelta(days=3):
        return
    if rng.random() < 0.85:
        shipped = order.placed_at + timedelta(hours=rng.randrange(18, 60))
        before = state.now
        state.now = lambda: shipped
        order.invoice_number = f"RE{order.key % 1_000_000:06d}"
        order.invoice_date = shipped
        number = f"00340{rng.randrange(10**15):015d}"
        state.ship(order.order_id, tracking_number=number, carrier=rng.choice(("DHL", "DPD", "GLS")))
        order.tracking_link = "https://verfolgung.example/?nr=<-Zinfo->&plz=<-KLPLZ->"
        for item in order.items:
            item.exported_at = shipped if rng.random() < 0.5 else None
        state.now = before


def _must(order: Order | None) -> Order:
    """Return the order; a shop with goods always gets one."""
    if order is None:
        raise ValueError("too few articles for the sample orders")
    return order


def _pick(state: State, rng: Random) -> Product:
    """Return a random single article that is for sale."""
    return rng.choice([product for product in for_sale(state) if product.kind == 0])


def _unknown_article(state: State, rng: Random) -> None:
    """Sell an item without a known article, together with one that has one."""
    title = rng.choice(
        ("Sonderposten Keramikschale B-Ware", "Gutschein 25 Euro", "Restposten Gläser, 6 Stück")
    )
    number = str(900_000 + rng.randrange(9999))
    line = Line(title=title, quantity=1, price=Decimal("25.00"), anr=number, linked=False)
    _must(random_order(state, rng, lines=[line, Line(_pick(state, rng).id)], platform="Kaufland.de"))


def _only_external_number(state: State, rng: Random) -> None:
    """Sell an article that can only be identified by its external number."""
    product = _pick(state, rng)
    line = Line(title=product.name, price=product.selling_price, ean=product.ean, tax_rate=product.tax_rate)
    _must(random_order(state, rng, lines=[line], platform="OTTO Market", process=True))


def _only_article_number(state: State, rng: Random) -> None:
    """Sell an article that can only be identified by its Anr."""
    product = _pick(state, rng)
    line = Line(title=product.name, price=product.selling_price, anr=product.anr, tax_rate=product.tax_rate)
    _must(random_order(state, rng, lines=[line], platform="store", process=True))


def _part_paid(state: State, rng: Random) -> None:
    """Sell to a buyer who has paid half."""
    order = _must(random_order(state, rng, platform="store", process=True, paid=False))
    state.pay(order.order_id, cents(order.full_amount / 2))


def _not_checked_out(state: State, rng: Random) -> None:
    """Sell an article whose checkout is not complete: OrderID 0."""
    _must(random_order(state, rng, platform="ebay", process=False))


def _swiss_francs(state: State, rng: Random) -> None:
    """Sell to Switzerland in francs."""
    address = buyer(rng, "ebay")
    address.country, address.country_iso = "CH", "CH"
    address.street, address.postal_code, address.city = "Zähringerstrasse 24", "8001", "Zürich"
    rate = Decimal("1.0625")
    _must(random_order(state, rng, billing=address, platform="ebay", process=True, currency="CHF", rate=rate))


def _danish_crowns(state: State, rng: Random) -> None:
    """Sell to Denmark in crowns."""
    address = buyer(rng, "amazon")
    address.country, address.country_iso = "DK", "DK"
    address.street, address.postal_code, address.city = "Nørrebrogade 45, 2. th", "2200", "København N"
    rate = Decimal("0.134")
    _must(
        random_order(state, rng, billing=address, platform="amazon", process=True, currency="DKK", rate=rate)
    )


def _wrong_total(state: State, rng: Random) -> None:
    """Sell an article in an order whose total does not add up."""
    order = _must(random_order(state, rng, platform="ebay", process=True, paid=False))
    order.full_amount += Decimal("3.50")
    order.memo = "Summe weicht ab, bitte prüfen"


def _merged(state: State, rng: Random) -> None:
    """Sell twice to one buyer, whose orders are merged."""
    address = buyer(rng, "ebay")
    pair = [
        _must(random_order(state, rng, billing=address, platform="ebay", process=True, paid=True))
        for _ in range(2)
    ]
    state.merge([order.order_id for order in pair]).memo = "Sammelbestellung"


def _several_parcels(state: State, rng: Random) -> None:
    """Sell articles and ship them in two parcels."""
    order = _must(random_order(state, rng, platform="store", process=True, paid=True))
    numbers = [f"00340{rng.randrange(10**15):015d}" for _ in range(2)]
    state.ship(order.order_id, tracking_number=numbers[0])
    add_parcels(order, numbers)


def _cash_on_delivery(state: State, rng: Random) -> None:
    """Sell an article with cash on delivery and its surcharge."""
    _must(
        random_order(
            state,
            rng,
            platform="store",
            process=True,
            paid=False,
            surcharge=Decimal("5.90"),
            payment_id="CASH_ON_DELIVERY",
            payment_method="Nachnahme",
            payment_function="CASH_ON_DELIVERY",
        )
    )


def _company_ships_elsewhere(state: State, rng: Random) -> None:
    """Sell to a buyer who has the goods shipped to a company, without a person's name."""
    order = _must(random_order(state, rng, platform="store", process=True))
    order.shipping_address = buyer(rng, "store")
    order.shipping_address.company = "Handwerkerhof Süßengrund GmbH"
    order.shipping_address.first_name = order.shipping_address.last_name = ""
