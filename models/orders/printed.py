"""How an order's numbers, addresses and language are printed."""

from models.orders.order import Order, OrderAddress
from models.tenants.tenant import Tenant
from models.values import LANGUAGES, LONGEST_ADDRESS_LINE, print_text


def printed_number(order: Order) -> str:
    """Return the order number that the buyer knows; barcodes contain it too."""
    return order.channel_number or order.external_id


def address_lines(address: OrderAddress) -> list[str]:
    """Return name and address, one line each, without the country."""
    lines = (
        address.company,
        f"{address.first_name} {address.last_name}",
        address.street,
        address.street2,
        f"{address.postcode} {address.city}",
    )
    return [printed for line in lines if (printed := print_text(line, LONGEST_ADDRESS_LINE))]


def foreign_country(address: OrderAddress, tenant: Tenant) -> str:
    """Return the country of an address; empty if it is the tenant's."""
    return address.country if address.country != tenant.country else ""


def paper_language(tenant: Tenant, language: str = "") -> str:
    """Return the language asked for, else the tenant's, else German."""
    wanted = language or tenant.language
    return wanted if wanted in LANGUAGES else LANGUAGES[0]
