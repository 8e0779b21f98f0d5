"""The simulator as a separate process."""

import signal
import sys
from threading import Event

from connectors.afterbuy.simulator.sample.account import sample_state
from connectors.afterbuy.simulator.sample.arrivals import arrive
from connectors.afterbuy.simulator.server import Simulator
from connectors.afterbuy.simulator.state import State
from connectors.afterbuy.simulator.switches import Switches


def serve(
    port: int,
    *,
    sample: bool = True,
    switches: Switches | None = None,
    arrivals_every_seconds: float | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; prints one line with the address when it listens.

    Must run in the main thread. Raises: OSError, if the port is in use.
    """
    done = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    state = sample_state() if sample else State()
    with Simulator(state, switches, port) as simulator:
        sys.stdout.write(f"Afterbuy simulator at {simulator.url}\n")
        sys.stdout.flush()
        while not done.wait(arrivals_every_seconds):
            arrive(simulator.state, 1)
