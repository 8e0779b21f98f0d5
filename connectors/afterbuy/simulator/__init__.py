"""A stand-in for the Afterbuy server, written from the wire notes alone.

It holds an account of its own, refuses what Afterbuy refuses, has a switch for every fact that is unknown,
and bad days on demand. Imported by tests, the demo and the command line, never by the connector.
"""

from connectors.afterbuy.simulator.faults import Fault, Faults
from connectors.afterbuy.simulator.records import Address, Attribute, Item, Line, Member, Order, Product
from connectors.afterbuy.simulator.sample.account import sample_state
from connectors.afterbuy.simulator.sample.arrivals import arrive
from connectors.afterbuy.simulator.server import ReceivedCall, Simulator
from connectors.afterbuy.simulator.standalone import serve
from connectors.afterbuy.simulator.state import State
from connectors.afterbuy.simulator.switches import Switches

__all__ = [
    "Address",
    "Attribute",
    "Fault",
    "Faults",
    "Item",
    "Line",
    "Member",
    "Order",
    "Product",
    "ReceivedCall",
    "Simulator",
    "State",
    "Switches",
    "arrive",
    "sample_state",
    "serve",
]
