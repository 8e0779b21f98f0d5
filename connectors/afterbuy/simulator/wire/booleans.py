"""Booleans in requests; which spellings the server accepts is unknown, so switches list them."""

from connectors.afterbuy.simulator.switches import Switches


def read_boolean(text: str | None, switches: Switches) -> bool | None:
    """Return the value; None if the element is absent, empty or has no accepted spelling.

    Source: wire notes section 1.4 (ja/nein, Yes/No and 1/0 are in use).
    """
    spelled = (text or "").casefold()
    if spelled in switches.true_spellings:
        return True
    return False if spelled in switches.false_spellings else None
