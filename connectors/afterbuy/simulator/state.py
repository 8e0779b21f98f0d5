"""The simulator's state: one Afterbuy account behind one lock."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from threading import RLock
from typing import Any

from connectors.afterbuy.simulator.records import (
    ZERO,
    Address,
    BuyerMail,
    Catalog,
    Item,
    Line,
    Order,
    ParcelLabel,
    PaymentService,
    Product,
    ShippingMethod,
    ShippingService,
    UserFlag,
)
from connectors.afterbuy.simulator.switches import Switches

CANCELLED_FLAG = 7003
"""The marker that a cancellation on Afterbuy's own pages sets, unless another is given."""

LineLike = Line | Product | int | tuple[int, int]

FIRST_PRODUCT_ID = 71_000_001
FIRST_ITEM_ID = 410_000_001


def utc_now() -> datetime:
    """Return the present instant in UTC, in whole seconds as Afterbuy stores it."""
    return datetime.now(UTC).replace(microsecond=0)


class State:
    """All records of the account. Methods that change them take the lock and renew ModDate.

    A test may replace `now`. Records can be read without the lock; to read several that must match while
    calls arrive, hold `lock`.
    """

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        """Start with payment services, shipping services and markers, and no other records."""
        self.now = now
        self.lock = RLock()
        self.switches = Switches()
        self.products: dict[int, Product] = {}
        self.catalogs: dict[int, Catalog] = {}
        self.orders: dict[int, Order] = {}
        """By key, the ItemID of the leading item; orders merged into another are removed."""
        self.mails_to_buyers: list[BuyerMail] = []
        self.payment_services = list(PAYMENT_SERVICES)
        self.shipping_services = list(SHIPPING_SERVICES)
        self.flags = list(FLAGS)
        self._by_order_id: dict[int, Order] = {}
        self._by_item_id: dict[int, Order] = {}
        self._order_ids: list[int] | None = None
        self._parents: dict[int, list[int]] | None = None
        self._product_ids: list[int] | None = None
        self._next_product_id = FIRST_PRODUCT_ID
        self._next_catalog_id = 5001
        self._next_item_id = FIRST_ITEM_ID
        self._customers: dict[tuple[str, ...], int] = {}

    # --- products ---------------------------------------------------------------------------------------

    def add_product(self, name: str, *, id: int | None = None, **values: Any) -> Product:
        """Add a product; `values` are fields of `Product`.

        Raises: ValueError, if the id is taken.
        """
        with self.lock:
            product_id = self.next_product_id() if id is None else id
            if product_id in self.products:
                raise ValueError(f"product {product_id} exists")
            self._next_product_id = max(self._next_product_id, product_id + 1)
            product = Product(id=product_id, name=name, mod_date=self.now(), **values)
            if "auction_quantity" not in values and product.merge_stock:
                product.auction_quantity = product.quantity
            self.products[product_id] = product
            self.products_changed()
            return product

    def next_product_id(self) -> int:
        """Return an unused ProductID."""
        with self.lock:
            self._next_product_id += 1
            return self._next_product_id - 1

    def set_product(self, product_id: int, **values: Any) -> Product:
        """Set fields of a product; if the stock pools are merged, setting one sets both.

        Raises: AttributeError, for an unknown field; KeyError, for an unknown product.
        """
        with self.lock:
            product = self.products[product_id]
            for name, value in values.items():
                if name not in Product.__dataclass_fields__:
                    raise AttributeError(name)
                setattr(product, name, value)
            if "quantity" in values or "auction_quantity" in values:
                if product.merge_stock and "auction_quantity" not in values:
                    product.auction_quantity = product.quantity
                elif product.merge_stock and "quantity" not in values:
                    product.quantity = product.auction_quantity
                product.last_stock_change = self.now()
            if "members" in values:
                self.products_changed()
            product.mod_date = self.now()
            return product

    def products_changed(self) -> None:
        """Forget what is derived from products; call this after changing products or members directly."""
        self._parents = None
        self._product_ids = None

    def product_ids(self) -> list[int]:
        """Return all product ids in ascending order."""
        with self.lock:
            if self._product_ids is None:
                self._product_ids = sorted(self.products)
            return self._product_ids

    def parents_of(self, product_id: int) -> list[Product]:
        """Return the sets that contain a product."""
        with self.lock:
            if self._parents is None:
                self._parents = {}
                for product in self.products.values():
                    for member in product.members:
                        self._parents.setdefault(member.product_id, []).append(product.id)
            return [self.products[parent] for parent in self._parents.get(product_id, [])]

    def add_catalog(
        self,
        name: str,
        *,
        parent_id: int = 0,
        id: int | None = None,
        description: str = "",
        show: bool = True,
        position: int = 0,
    ) -> Catalog:
        """Add a category below `parent_id`, which may be added later; its level follows from the parent."""
        with self.lock:
            catalog_id = self._next_catalog_id if id is None else id
            self._next_catalog_id = max(self._next_catalog_id, catalog_id + 1)
            parent = self.catalogs.get(parent_id)
            level = parent.level + 1 if parent else int(parent_id != 0)
            catalog = Catalog(catalog_id, name, parent_id, level, position, description, show)
            self.catalogs[catalog_id] = catalog
            return catalog

    # --- orders: finding ------------------------------------------------------------------------------

    def order(self, order_id: int) -> Order:
        """Return the process with this OrderID. Raises: KeyError."""
        return self._by_order_id[order_id]

    def find_order(self, order_id: int) -> Order | None:
        """Return the process with this OrderID, or None."""
        return self._by_order_id.get(order_id)

    def find_order_of_item(self, item_id: int) -> Order | None:
        """Return the order that has this ItemID now, or None."""
        return self._by_item_id.get(item_id)

    def order_ids_from(self, start: int) -> Iterable[int]:
        """Return the ids of all processes from `start` on, ascending."""
        with self.lock:
            if self._order_ids is None:
                self._order_ids = sorted(self._by_order_id)
            return self._order_ids[bisect_left(self._order_ids, start) :]

    # --- orders: the life of one ------------------------------------------------------------------------

    def place_order(
        self,
        lines: Sequence[LineLike],
        *,
        billing: Address | None = None,
        platform: str = "ebay",
        platform_order_id: str = "",
        process: bool = True,
        feedback: bool | None = None,
        paid: Decimal | bool = False,
        shipping_cost: Decimal = Decimal("4.90"),
        placed_at: datetime | None = None,
        **values: Any,
    ) -> Order:
        """Add an order and return it; by default FullAmount is the sum of items, shipping and surcharge.

        A line is a product, its id, a pair (id, quantity) or a `Line`. `process=False`: OrderID stays 0.
        `feedback=False`: the process has an id although its FeedbackDate is empty. `paid` is an amount, or
        True for the whole amount. `values` are further fields of `Order`.
        """
        with self.lock:
            at = placed_at or self.now()
            items = [self._item(line, at, platform, platform_order_id) for line in lines]
            if not items:
                raise ValueError("an order needs a line")
            address = billing or Address(
                first_name="Jürgen",
                last_name="Mühlenberg",
                street="Lindenstraße 12",
                postal_code="04229",
                city="Leipzig",
                mail="juergen.muehlenberg@post.example",
                title="Herr",
            )
            order = Order(
                key=items[0].id,
                order_id=0,
                placed_at=at,
                mod_date=at,
                items=items,
                billing=address,
                customer_id=self._customer(address),
                platform=platform,
                shipping_cost=shipping_cost,
                **values,
            )
            if "full_amount" not in values:
                order.full_amount = total_of(order)
            self.orders[order.key] = order
            for item in items:
                self._by_item_id[item.id] = order
                self._take_stock(item, -1)
            if process:
                self._give_process_id(order)
                order.feedback_date = at if feedback is not False else None
            if paid:
                order.already_paid = order.full_amount if paid is True else Decimal(paid)
                order.payment_date = at
            return order

    def complete_checkout(self, order: Order) -> Order:
        """Set the feedback date; an order without process gets its OrderID."""
        with self.lock:
            if order.order_id == 0:
                self._give_process_id(order)
            order.feedback_date = self.now()
            return self.touch(order)

    def pay(
        self,
        order_id: int,
        amount: Decimal | None = None,
        *,
        transaction_id: str = "",
        at: datetime | None = None,
    ) -> Order:
        """Add a payment; by default of the amount due."""
        with self.lock:
            order = self.order(order_id)
            order.already_paid += order.full_amount - order.already_paid if amount is None else amount
            order.payment_date = at or self.now()
            order.payment_transaction_id = transaction_id or order.payment_transaction_id
            return self.touch(order)

    def ship(
        self, order_id: int, *, tracking_number: str = "", carrier: str = "DHL", at: datetime | None = None
    ) -> Order:
        """Set the delivery date, and the tracking number in the field that Afterbuy's users use."""
        with self.lock:
            order = self.order(order_id)
            order.delivery_date = at or self.now()
            order.additional_info = tracking_number
            order.delivery_service = carrier
            return self.touch(order)

    def change_address(
        self, order_id: int, *, billing: Address | None = None, shipping: Address | None = None
    ) -> Order:
        """Replace the given addresses."""
        with self.lock:
            order = self.order(order_id)
            order.billing = billing or order.billing
            order.shipping_address = shipping or order.shipping_address
            return self.touch(order)

    def change_quantity(self, order_id: int, item_id: int, quantity: int) -> Order:
        """Change an item's quantity; stock and FullAmount follow, the paid amount stays."""
        with self.lock:
            order = self.order(order_id)
            item = next(item for item in order.items if item.id == item_id)
            self._take_stock(item, 1)
            order.full_amount += item.price * (quantity - item.quantity)
            item.quantity = quantity
            self._take_stock(item, -1)
            return self.touch(order)

    def merge(self, order_ids: Sequence[int]) -> Order:
        """Merge processes into one; the switch `merge_survivor` decides which id survives.

        Shipping is charged once, at the highest price; the surviving order keeps its addresses.
        Source: wire notes section 4, pitfall 8 (the server's exact behaviour is unknown).
        """
        with self.lock:
            orders = [self.order(order_id) for order_id in sorted(set(order_ids))]
            if len(orders) < 2:
                raise ValueError("merging needs two orders")
            keeper = orders[-1] if self.switches.merge_survivor == "highest" else orders[0]
            surcharges = sum((order.surcharge for order in orders), ZERO)
            differences = sum((order.full_amount - total_of(order) for order in orders), ZERO)
            for order in orders:
                self._forget(order)
                if order is not keeper:
                    keeper.items += order.items
                    keeper.already_paid += order.already_paid
                    keeper.payment_date = keeper.payment_date or order.payment_date
                    keeper.shipping_cost = max(keeper.shipping_cost, order.shipping_cost)
            keeper.surcharge = surcharges
            keeper.full_amount = total_of(keeper) + differences
            keeper.items.sort(key=lambda item: item.id != keeper.key)
            if self.switches.merge_survivor == "new":
                keeper.order_id = self._take_item_id()
            self._remember(keeper)
            return self.touch(keeper)

    def cancel(
        self, order_id: int, *, booking: int = 0, hide: bool = False, mark_id: int | None = CANCELLED_FLAG
    ) -> Order:
        """Cancel a process; `booking` -1 returns no stock, 0 returns it to the shop's, 1 to the auction's.

        Cancelling again does not return stock again.
        """
        with self.lock:
            order = self.order(order_id)
            if order.cancelled_at is None and booking in (0, 1):
                for item in order.items:
                    self._take_stock(item, 1, auction=booking == 1)
            order.cancelled_at = order.cancelled_at or self.now()
            order.hidden = order.hidden or hide
            for item in order.items:
                item.flag = item.flag if mark_id is None else mark_id
            return self.touch(order)

    def touch(self, order: Order) -> Order:
        """Renew ModDate of an order and its items; return the order. Takes no lock."""
        order.mod_date = self.now()
        for item in order.items:
            item.mod_date = order.mod_date
        return order

    # --- inside -------------------------------------------------------------------------------------------

    def _item(self, line: LineLike, at: datetime, platform: str, number: str) -> Item:
        """Return a new sold item with a number of its own."""
        if isinstance(line, Product):
            line = Line(line.id)
        elif isinstance(line, int):
            line = Line(line)
        elif isinstance(line, tuple):
            line = Line(line[0], line[1])
        product = self.products[line.product_id] if line.product_id is not None else None
        item_id = self._take_item_id()

        def own(given: Any, name: str, otherwise: Any) -> Any:
            return given if given is not None else getattr(product, name, otherwise)

        return Item(
            id=item_id,
            title=own(line.title, "name", "Artikel ohne Stamm"),
            quantity=line.quantity,
            price=own(line.price, "selling_price", ZERO),
            tax_rate=own(line.tax_rate, "tax_rate", Decimal(19)),
            sold_at=at,
            mod_date=at,
            anr=own(line.anr, "anr", ""),
            ean=own(line.ean, "ean", ""),
            product_id=line.product_id,
            linked=line.linked and product is not None,
            weight=product.weight if product else ZERO,
            platform=platform,
            platform_order_id=number,
            platform_item_id=str(380_000_000_000 + item_id) if platform == "ebay" else "",
            attributes=list(line.attributes),
        )

    def _take_item_id(self) -> int:
        """Return a number that no item and no order has had."""
        self._next_item_id += 1
        return self._next_item_id - 1

    def _give_process_id(self, order: Order) -> None:
        """Set the OrderID, depending on the switch `order_id_from`."""
        order.order_id = order.key if self.switches.order_id_from == "leading_item" else self._take_item_id()
        self._by_order_id[order.order_id] = order
        self._order_ids = None

    def _forget(self, order: Order) -> None:
        """Remove a process from all indexes."""
        del self.orders[order.key]
        del self._by_order_id[order.order_id]
        self._order_ids = None

    def _remember(self, order: Order) -> None:
        """Add a process to all indexes."""
        self.orders[order.key] = order
        self._by_order_id[order.order_id] = order
        self._order_ids = None
        for item in order.items:
            self._by_item_id[item.id] = order

    def _customer(self, address: Address) -> int:
        """Return the customer's number; the same mail address or name gets the same one."""
        known = (address.mail,) if address.mail else (address.last_name, address.company, address.postal_code)
        return self._customers.setdefault(known, 88_000_001 + len(self._customers))

    def _take_stock(self, item: Item, sign: int, *, auction: bool = False) -> None:
        """Add an item's quantity to the stock (+1) or remove it (-1); for a product set, its members'.

        Stock can become negative if more was sold than there is. Unlinked items change nothing.
        """
        product = self.products.get(item.product_id or 0)
        if product is None or not item.linked or not self.switches.sale_reduces_stock:
            return
        if product.kind == 2:
            parts = [(self.products[member.product_id], member.quantity) for member in product.members]
        else:
            parts = [(product, 1)]
        for part, per_set in parts:
            moved = sign * per_set * item.quantity
            if auction and not part.merge_stock:
                self.set_product(part.id, auction_quantity=part.auction_quantity + moved)
            else:
                self.set_product(part.id, quantity=part.quantity + moved)
            if sign < 0:
                part.last_sale = item.sold_at


def total_of(order: Order) -> Decimal:
    """Return the sum of items, shipping and surcharge."""
    items = sum((item.price * item.quantity for item in order.items), ZERO)
    return items + order.shipping_cost + order.surcharge


def add_parcels(order: Order, numbers: Sequence[str]) -> None:
    """Add a package for each number: the first item is in all of them, further items in the last."""
    first, *others = order.items
    last = len(numbers)
    order.parcel_labels = [
        ParcelLabel(first.id, place, number, quantity=first.quantity)
        for place, number in enumerate(numbers, 1)
    ] + [ParcelLabel(item.id, last, numbers[-1], quantity=item.quantity) for item in others]


PAYMENT_SERVICES = (
    PaymentService(101, 1, "Überweisung/Vorkasse", "shop"),
    PaymentService(102, 2, "Barzahlung bei Abholung", "shop"),
    PaymentService(103, 4, "Nachnahme", "shop", surcharge=Decimal("5.90")),
    PaymentService(104, 5, "PayPal", "shop", "D,A,CH,F,NL,DK"),
    PaymentService(105, 6, "Rechnung", "shop"),
    PaymentService(106, 7, "Lastschrift", "shop"),
    PaymentService(107, 19, "Kreditkarte", "shop", "D,A,CH,F,NL,DK"),
    PaymentService(108, 99, "eBay Zahlungsabwicklung", "ebay", "D,A,CH,F,NL,DK"),
)

SHIPPING_SERVICES = (
    ShippingService(
        "Standard",
        (
            ShippingMethod(
                201,
                "DHL Paket",
                "D",
                ZERO,
                Decimal(9999),
                ((ZERO, Decimal(5), Decimal("4.90")), (Decimal(5), Decimal("31.5"), Decimal("9.90"))),
            ),
            ShippingMethod(
                202,
                "DHL Paket International",
                "A,CH,F,NL,DK",
                ZERO,
                Decimal(9999),
                ((ZERO, Decimal(5), Decimal("12.90")),),
            ),
        ),
    ),
    ShippingService(
        "Spedition", (ShippingMethod(203, "Spedition frei Bordsteinkante", "D", ZERO, Decimal(9999), ()),)
    ),
)

FLAGS = (
    UserFlag(7001, "Prüfen", "#FFCC00"),
    UserFlag(7002, "Eilig", "#FF0000"),
    UserFlag(CANCELLED_FLAG, "Storniert", "#999999"),
)
