"""What a call gets: its request, and the account that it works on."""

from dataclasses import dataclass

from connectors.afterbuy.simulator.state import State
from connectors.afterbuy.simulator.switches import Switches
from connectors.afterbuy.simulator.wire.envelope import Element, RefusedError, text_of
from connectors.afterbuy.simulator.wire.writer import Writer


@dataclass(frozen=True)
class Context:
    """One call: the request's root, the account's state, and the switches."""

    request: Element
    state: State
    switches: Switches
    backwards: bool = False
    """Whether the records of a page are in reverse order, because a fault asks for it."""

    def writer(self) -> Writer:
        """Return an empty writer for the Result, which writes as the switches say."""
        switches = self.switches
        return Writer(ugly=switches.ugly, keep_control_characters=switches.control_characters_out == "kept")

    def level(self, *bits: int) -> int:
        """Return DetailLevel, 0 if it is absent. Raises: RefusedError 18, unless it is a sum of `bits`."""
        text = text_of(self.request.find("AfterbuyGlobal"), "DetailLevel") or "0"
        try:
            level = int(text)
        except ValueError as error:
            raise RefusedError(18) from error
        if level < 0 or level & ~sum(bits):
            raise RefusedError(18)
        return level

    def page_size(self, element: str, default: int, largest: int, code: int) -> int:
        """Return the requested page size, or the default if the element is absent or empty.

        Raises: RefusedError with `code`, if it is out of range.
        """
        text = text_of(self.request, element)
        if not text:
            return default
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= largest:
            raise RefusedError(code)
        return int(text)
