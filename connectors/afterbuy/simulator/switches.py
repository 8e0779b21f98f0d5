"""The facts that the wire notes mark as unknown or invented, each as a named switch.

Only the vendor could settle them, so the simulator offers each possible reading, and a test of the connector
runs with each. The default is the reading that live clients rely on or, where no client shows one, the
reading that hurts a careless client most.
"""

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin


@dataclass
class Switches:
    """Settings of one simulator; read at every call, so a change takes effect at once."""

    # --- login: who the simulator knows; all invented -------------------------------------------------
    partner_token: str = "demo-partner-token"  # noqa: S105 - a demo value, not a secret
    account_token: str = "demo-account-token"  # noqa: S105 - a demo value, not a secret
    partner_id: str = "1000"
    partner_password: str = "demo-partner"  # noqa: S105 - a demo value, not a secret
    user_id: str = "demo-user"
    user_password: str = "demo-pass"  # noqa: S105 - a demo value, not a secret

    token_error_code: int = 8
    """Unknown: the code of a wrong or expired token. Invented; candidates are 4-11, 13, 14, 35, 38 and 60."""

    legacy_user_error_code: int = 9
    """The code of a wrong user or user password in the legacy login: 9 (unknown) or 10 (not authorised)."""

    # --- transport --------------------------------------------------------------------------------------
    required_content_types: list[str] = field(default_factory=list)
    """Unknown: whether a request content type is required. Empty accepts any; else others get error 2."""

    wrong_host: bool = False
    """True plays the old host: every answer carries warning 70 beside its data."""

    chunked: bool = True
    """Recorded: chunked answers. False sends Content-Length instead."""

    compress: bool = False
    """Unknown: compression. True gzips for clients that accept it."""

    calls_per_day: int | None = None
    """Documented as 50,000 free calls; None counts nothing. What follows the last one is `over_limit`."""

    over_limit: Literal["http_429", "error_60"] = "http_429"
    """Unknown: the consequence of exceeding `calls_per_day`. Both readings are invented."""

    control_characters_out: Literal["stripped", "kept"] = "stripped"
    """Unknown: whether the server itself ever emits characters that XML 1.0 forbids."""

    # --- looks of the answers -----------------------------------------------------------------------------
    ugly: bool = False
    """True mixes the ugly variants that samples show: empty and absent elements, other cases and spellings,
    `-1` and `True`, points in decimals, doubled escapes. The choice is seeded by record, so it repeats."""

    attribute_spelling: Literal["live", "manual", "mixed"] = "live"
    """Unknown: AttributValue/AttributType as live clients read, or the manual's AttributWert/AttributTyp."""

    catalog_names_escaped_twice: bool = False
    """One client decodes catalog names a second time. True escapes them twice; `ugly` does so for some."""

    # --- reading ------------------------------------------------------------------------------------------
    range_from: Literal["exclusive", "inclusive"] = "exclusive"
    """Unknown: whether ValueFrom of RangeID, RangeAnr and RangeLevel is part of the range."""

    range_to: Literal["inclusive", "exclusive"] = "inclusive"
    """Unknown: the same for ValueTo."""

    number_limit_enforced: bool = True
    """Numbers in filters end at 2147483647 (errors 17, 22, 23, 43), yet one live client sends 9999999999."""

    default_max_shop_items: int = 100
    """Unknown: the page size of GetShopProducts without MaxShopItems; 100 is one client's default."""

    default_max_sold_items: int = 100
    """Unknown: the page size of GetSoldItems without MaxSoldItems."""

    max_sold_items: int = 250
    """The largest MaxSoldItems: 250 by the request page, 500 by the text of error 31."""

    default_max_catalogs: int = 100
    """Unknown: the page size of GetShopCatalogs without MaxCatalogs."""

    product_order: Literal["id", "modified"] = "id"
    """Unknown: the order of GetShopProducts; by ascending ProductID, or by ModDate, which breaks a cursor."""

    product_level_0_has_languages: bool = False
    """Unknown: whether DetailLevel 0 of GetShopProducts includes level 128."""

    sold_items_level_0: Literal["all", "process"] = "all"
    """DetailLevel 0 of GetSoldItems: everything as in the field, or process data alone as the manual says."""

    sold_items_level_0_has_attributes: bool = True
    """Unknown: whether a full DetailLevel 0 includes level 32."""

    sold_items_level_1: Literal["ignored", "error_18"] = "ignored"
    """Unknown: what bit 1 does in GetSoldItems."""

    filter_value_outside: Literal["ignored", "honoured"] = "ignored"
    """Unknown: FilterValue directly under Filter; the filter is dropped silently, or honoured."""

    unknown_filter: Literal["ignored", "error_30"] = "ignored"
    """Unknown: a filter name that does not exist beside valid ones. Alone it always yields error 30."""

    several_default_filters: Literal["and", "or"] = "and"
    """Unknown: several DefaultFilter values in one filter."""

    iso_dates_in_filters: Literal["read", "error_30"] = "read"
    """One live client sends `yyyy-MM-dd HH:mm:ss` in a DateFilter and apparently gets data."""

    counts_cover: Literal["page", "matching"] = "page"
    """Unknown: whether OrdersCount and ItemsCount count the page or everything that matches."""

    stock_info_day_limit: int | None = 200
    """Products in one GetStockInfo between 10:00 and 15:00 local time; known from one client alone."""

    stock_info_all_missing: Literal["warning", "error_15"] = "warning"
    """Unknown: GetStockInfo when no product exists; Warning without Products, or error 15."""

    stock_info_warning_key: Literal["product_id", "as_requested"] = "product_id"
    """Unknown: the key in a warning for Anr or EAN; its text in ProductID, or in an element so named."""

    set_stock: Literal["own", "derived"] = "own"
    """Unknown: the stock a set or variation parent reports; its own figure, or one derived from members."""

    variation_sold_as: Literal["member", "parent"] = "member"
    """Unknown: ShopProductDetails/ProductID of a sold variation."""

    main_amounts: Literal["account_currency", "order_currency"] = "account_currency"
    """Unknown: the currency of the main amounts of an order that was placed in another one."""

    exchange_rate_means: Literal["account_per_original", "original_per_account"] = "account_per_original"
    """Unknown: the direction of OrderOriginalCurrency/ExchangeRate."""

    payment_surcharge_in: Literal["shipping_additional_cost", "difference"] = "shipping_additional_cost"
    """Unknown: where a payment surcharge shows; in ShippingAdditionalCost, or only within FullAmount."""

    # --- life of an order -----------------------------------------------------------------------------------
    order_id_from: Literal["leading_item", "new_number"] = "leading_item"
    """OrderID equals the ItemID of the leading item in samples; whether always is not proven."""

    merge_survivor: Literal["lowest", "highest", "new"] = "lowest"
    """Unknown: which OrderID lives on when orders are merged; `new` is a fresh number."""

    cancelled_orders: Literal["stay", "vanish"] = "stay"
    """Unknown: whether GetSoldItems still shows a cancelled order (with the mark it was given)."""

    sale_reduces_stock: bool = True
    """Unknown: when a sale takes stock. True: at once; StockBooking of CancelOrders suggests that it does."""

    # --- writing --------------------------------------------------------------------------------------------
    true_spellings: list[str] = field(default_factory=lambda: ["1", "-1", "true", "ja", "yes"])
    """Unknown: the spellings of true accepted on write, compared without case."""

    false_spellings: list[str] = field(default_factory=lambda: ["0", "false", "nein", "no"])
    """Unknown: the spellings of false accepted on write. Any other text leaves the value untouched."""

    point_in_decimals: Literal["thousands", "decimal", "refused"] = "thousands"
    """Unknown: `12.50` in a request; 1250 as German rules read it, 12,50, or refused (warning 65)."""

    identification_order: list[str] = field(default_factory=lambda: ["ProductID", "Anr", "EAN"])
    """Unknown: which key wins when ProductIdent holds several."""

    update_products_limit: int = 250
    """Unknown: the official batch limit of UpdateShopProducts; 250 is one client's cap."""

    set_limit: int = 15
    """Members in one set: 15 by the text of warning 15, 250 by one client's readme."""

    manufacturer_part_number_limit: int = 100
    """100 by warning 83, 255 by one client."""

    tier_prices: Literal["replace", "merge"] = "replace"
    """Unknown: whether ScaledDiscounts replaces all tiers or merges by quantity."""

    picture_list: Literal["merge", "replace"] = "merge"
    """Unknown: whether ProductPictures replaces all pictures or merges by Nr."""

    empty_picture_url: Literal["delete", "ignore"] = "delete"
    """Unknown: how to delete a picture; an empty Url deletes it, or changes nothing."""

    remove_all_with_attributes: Literal["remove_all", "then_add", "named_only"] = "remove_all"
    """Unknown: AddAttributes with UpdateAction 3 that supplies attributes all the same."""

    already_paid: Literal["absolute", "increment"] = "absolute"
    """Not documented in what was readable: AlreadyPaid as a total, as clients use it, or added up."""

    payment_cost_elements: list[str] = field(default_factory=lambda: ["PaymentAdditionalCost"])
    """Unknown: which spelling is read; two clients write PaymentAadditionalCost."""

    unknown_order: Literal["warning_12", "error_33_rest_done", "error_33_nothing_done"] = "warning_12"
    """Unknown: an unknown order in a batch with good ones. A batch of unknown orders only gets error 33."""

    missing_order_id_code: int = 32
    """An order in UpdateSoldItems without OrderID and ItemID: error 32 or 59."""

    items_without_process_changeable: bool = True
    """Unclear wording: whether UpdateSoldItems may change an item whose checkout is not done."""

    def change(self, **values: Any) -> None:
        """Set switches by name.

        Raises: ValueError, if a name or a reading does not exist; nothing is changed then.
        """
        offered = readings()
        for name, value in values.items():
            if name not in offered:
                raise ValueError(f"no switch named {name!r}")
            if offered[name] and value not in offered[name]:
                raise ValueError(f"{name} offers {', '.join(offered[name])}, not {value!r}")
            if not offered[name] and not _same_kind(getattr(self, name), value, name):
                raise ValueError(f"{name} cannot be {value!r}")
        for name, value in values.items():
            setattr(self, name, value)


def readings() -> dict[str, list[str]]:
    """Name every switch with the readings it offers; an empty list where any value of its type goes."""
    return {
        f.name: [str(reading) for reading in get_args(f.type)] if get_origin(f.type) is Literal else []
        for f in fields(Switches)
    }


_OPTIONAL_NUMBERS = {"calls_per_day", "stock_info_day_limit"}


def _same_kind(current: object, value: object, name: str) -> bool:
    """Return whether `value` is a possible value of the switch `name`, by its type."""
    if name in _OPTIONAL_NUMBERS:
        return value is None or (isinstance(value, int) and not isinstance(value, bool))
    if isinstance(current, list):
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    return type(value) is type(current)
