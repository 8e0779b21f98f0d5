"""The small calls: clock, versions, payment and shipping services, markers.

Source: wire notes section 2.7.
"""

from datetime import UTC

from connectors.afterbuy.simulator.calls.filters import read_filters
from connectors.afterbuy.simulator.context import Context
from connectors.afterbuy.simulator.records import PaymentService, ShippingMethod
from connectors.afterbuy.simulator.values import wall_clock
from connectors.afterbuy.simulator.wire.envelope import Answer, RefusedError
from connectors.afterbuy.simulator.wire.writer import Writer


def get_afterbuy_time(context: Context) -> Answer:
    """Return the time, in Berlin and in UTC."""
    context.level()
    now = context.state.now()
    writer = context.writer()
    writer.plain("AfterbuyTimeStamp", wall_clock(now))
    writer.plain("AfterbuyUniversalTimeStamp", now.astimezone(UTC).strftime("%d.%m.%Y %H:%M:%S"))
    return Answer(writer)


def get_version(context: Context) -> Answer:
    """Return the interface versions; the names of the inner elements are a guess."""
    context.level()
    writer = context.writer()
    writer.open("Versions")
    writer.open("Version")
    writer.words("Name", "XML API")
    writer.words("Number", "2.0.465")
    writer.close("Version")
    writer.close("Versions")
    return Answer(writer)


def get_payment_services(context: Context) -> Answer:
    """Return the payment services of a platform and country; a filter by ValueOfGoods changes nothing.

    Raises: RefusedError 15, if none matches.
    """
    context.level()
    filters = read_filters(context.request, ("Land", "ValueOfGoods", "Plattform"), context.switches)
    services = context.state.payment_services
    for entry in filters:
        wanted = set(entry.values)
        if entry.name == "Plattform":
            services = [service for service in services if service.platform in wanted]
        elif entry.name == "Land":
            services = [service for service in services if wanted & set(service.countries.split(","))]
    if not services:
        raise RefusedError(15)
    writer = context.writer()
    writer.open("PaymentServices")
    for position, service in enumerate(services, 1):
        _write_payment_service(writer, service, position)
    writer.close("PaymentServices")
    return Answer(writer)


def _write_payment_service(writer: Writer, service: PaymentService, position: int) -> None:
    """Write one PaymentService; `Default` occurs twice, as in the sample."""
    writer.record(service.id)
    writer.open("PaymentService")
    writer.whole("PaymentID", service.id)
    writer.whole("PaymentFunctionID", service.function_id)
    writer.nothing("StandardText")
    writer.words("Name", service.name)
    writer.nothing("InfoText")
    writer.whole("Position", position)
    writer.whole("Level", 0)
    writer.money("Surcharge", service.surcharge)
    writer.plain("SurchargePercent", "0")
    writer.plain("MinAmount", "0")
    writer.plain("MaxAmount", "0")
    writer.words("PlattformName", service.platform)
    writer.flag("StandardForAll", position == 1)
    writer.flag("Default", position == 1)
    writer.flag("Default", position == 1)
    writer.words("CountryGroup", "Standard")
    writer.words("CountryGroupCountries", service.countries)
    writer.close("PaymentService")


def get_shipping_services(context: Context) -> Answer:
    """Return shipping groups with their methods; only level 0 shows more of a method than its id.

    Raises: RefusedError 25, if there are none.
    """
    level = context.level(2, 4)
    services = context.state.shipping_services
    if not services:
        raise RefusedError(25)
    writer = context.writer()
    writer.open("ShippingServices")
    writer.words("DefaultShippingGroup", services[0].name)
    for place, service in enumerate(services):
        writer.open("ShippingService")
        if level != 4:
            writer.words("Name", service.name)
        writer.words("DisplayArea", "")
        writer.whole("GroupPrio", place)
        writer.open("ShippingMethods")
        for method in service.methods:
            _write_method(writer, method, everything=level == 0)
        writer.close("ShippingMethods")
        writer.close("ShippingService")
    writer.close("ShippingServices")
    return Answer(writer)


def _write_method(writer: Writer, method: ShippingMethod, *, everything: bool) -> None:
    """Write one ShippingMethod: only its id, or `everything`, which level 0 asks for."""
    writer.open("ShippingMethod")
    writer.whole("ShippingMethodID", method.id)
    if everything:
        writer.words("Name", method.name)
        writer.words("CountryGroup", method.countries.split(",")[0])
        writer.words("CountryGroupCountries", method.countries)
        writer.whole("Level", 0)
        writer.plain("TaxRate", "19")
        writer.whole("Priority", 1)
        writer.money("PriceFrom", method.price_from)
        writer.money("PriceTo", method.price_to)
        for name in ("IslandAdditionalCosts", "FreeShippingPriceFrom", "AdditionalItemCosts"):
            writer.plain(name, "0")
        for start, end, price in method.weights:
            writer.open("WeightDefinitions")
            writer.number("WeightFrom", start)
            writer.number("WeightTo", end)
            writer.money("Price", price)
            writer.close("WeightDefinitions")
    writer.close("ShippingMethod")


def get_user_defined_flags(context: Context) -> Answer:
    """Return the user-defined markers."""
    context.level()
    writer = context.writer()
    writer.open("UserDefinedFlags")
    for flag in context.state.flags:
        writer.open("UserDefinedFlag")
        writer.whole("FlagID", flag.id)
        writer.words("Name", flag.name)
        writer.words("Color", flag.color)
        writer.close("UserDefinedFlag")
    writer.close("UserDefinedFlags")
    return Answer(writer)
