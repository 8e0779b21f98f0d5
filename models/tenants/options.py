"""What operators may set for an account, by its family."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import Field as RecordField
from pydantic import ValidationInfo, field_validator

from models.tenants.account_kinds import AccountKind, Capability, Family
from models.tenants.records import AccountOptions, BuyerEvent, PaymentKind, Side
from models.values import split_at_commas


class Role(StrEnum):
    """What an account is to its tenant."""

    articles = "articles"
    """Its articles are the master data: importing them changes ours."""
    orders = "orders"
    """Only an interface for orders: its articles are linked to ours and never change ours."""


class TakeOrders(StrEnum):
    checkout_done = "checkout_done"
    sold = "sold"
    """Already when the article is sold; the order waits as pending until the checkout is done."""


class OpeningStock(StrEnum):
    channel = "channel"
    """The channel's quantity becomes our stock when an article is first read."""
    none = "none"


class OrderNotice(StrEnum):
    """How operators are notified of new orders."""

    none = "none"
    each = "each"
    digest = "digest"
    """One mail a day."""


class Release(StrEnum):
    by_hand = "by_hand"
    automatic = "automatic"
    """The next run of order-release releases every order that may ship."""


class ArticleOptions(AccountOptions):
    """What operators may set for an account whose articles are imported."""

    role: Role = Role.articles
    opening_stock: OpeningStock = OpeningStock.channel
    overlap_minutes: int = RecordField(default=30, ge=0)
    """How far each window overlaps with the one before."""


class ChannelOptions(ArticleOptions):
    """What operators may set for a channel's account; it means the same for every channel."""

    take_orders: TakeOrders = TakeOrders.checkout_done
    payments: Side = Side.channel
    """Who handles payments: they are read from the channel, or ours are published to it."""
    start: str = "new"
    """Where the first order import begins: "new", a date (2026-11-01) or an order number of the channel.

    Only the connector knows which texts are order numbers: `connectors.registry.check_settings` asks it.
    """
    invoices: Side = Side.channel
    """Who makes the invoices."""
    invoices_from: date | None = RecordField(default=None, validate_default=True)
    """First German day of invoices from here: older orders are not invoiced automatically."""
    buyer_mails: tuple[BuyerEvent, ...] = ()
    """Events that buyers are mailed about from here, or "all". Many channels mail buyers themselves."""
    order_notice: OrderNotice = OrderNotice.none
    order_notice_hour: int = RecordField(default=7, ge=0, le=23)
    """The German hour of the digest."""

    release: Release = Release.by_hand
    """Whether people or the cycle order-release hand orders to the warehouse."""
    partial_shipping: bool = False
    """Whether available units of an order may ship before missing ones."""
    release_unpaid: frozenset[PaymentKind] = frozenset(
        {PaymentKind.invoice, PaymentKind.cash_on_delivery, PaymentKind.cash_on_pickup}
    )
    """Payment methods with which goods ship before they are paid."""
    remind_after_days: int | None = RecordField(default=None, ge=1, le=365)
    """Days until a buyer who has not paid is reminded, and between two reminders; None: never."""
    remind_times: int = RecordField(default=1, ge=1, le=9)
    remind_kinds: frozenset[PaymentKind] = frozenset({PaymentKind.prepayment})
    """Payment methods with which buyers are asked for the money from here."""
    cancel_after_days: int | None = RecordField(default=None, ge=1, le=365)
    """Days after the last reminder until an unpaid order is cancelled automatically; None: never."""
    price_tolerance: Decimal | None = RecordField(default=None, ge=0, le=100)
    """Percent by which a price may differ from the article's before its order is held; None: any."""
    price_group: str = ""
    """The price group of the article's price; empty: the price for everyone."""
    duplicate_hours: int = RecordField(default=24, ge=0, le=24 * 31)
    """Hours within which a buyer's second order of the same goods may be a duplicate; 0: never."""
    need_house_number: bool = True
    """Whether a German street without a house number counts as incomplete."""

    _split_lists = field_validator("release_unpaid", "remind_kinds", mode="before")(split_at_commas)

    @field_validator("buyer_mails", mode="before")
    @classmethod
    def _split_events(cls, value: object) -> object:
        if isinstance(value, str) and value.strip() == "all":
            return tuple(BuyerEvent)
        return split_at_commas(value)

    @field_validator("invoices_from")
    @classmethod
    def _invoices_begin_somewhere(cls, value: date | None, info: ValidationInfo) -> date | None:
        if value is None and info.data.get("invoices") is Side.warenfluss:
            raise ValueError("invoices=warenfluss needs a day, e.g. invoices_from=2026-12-01")
        return value

    @property
    def start_on(self) -> date | None:
        """The day on which the first order import begins; None for "new" and for an order number."""
        try:
            # Digits alone are an order number, although ISO 8601 also reads 20261101 as a date.
            return date.fromisoformat(self.start) if "-" in self.start else None
        except ValueError:
            return None


OPTIONS: Mapping[Family, type[AccountOptions]] = {Family.channel: ChannelOptions}
"""The families that have options of their own."""


def options_model(kind: AccountKind) -> type[AccountOptions]:
    """Return the model of what operators may set for accounts of a kind."""
    if kind.family is not None and kind.family in OPTIONS:
        return OPTIONS[kind.family]
    return ArticleOptions if Capability.articles in kind.capabilities else AccountOptions


def makes_invoices(options: AccountOptions) -> bool:
    """Return whether Warenfluss makes the invoices of the account's orders."""
    return isinstance(options, ChannelOptions) and options.invoices is Side.warenfluss


def sends_mails(options: AccountOptions) -> bool:
    """Return whether the account mails its buyers, or its operators about new orders."""
    if not isinstance(options, ChannelOptions):
        return False
    return bool(options.buyer_mails) or options.order_notice is not OrderNotice.none
