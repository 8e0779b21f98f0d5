"""A stand-in for the Afterbuy server, written only from the wire notes.

It keeps an account in memory, refuses what Afterbuy refuses, has a switch for every unknown fact, and
produces faults on demand. Entry points: `Simulator` (in `server`), `standalone.serve`,
`sample.account.sample_state`. Used by tests, the demo and the command line; the connector never imports it.
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
