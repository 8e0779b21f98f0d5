"""Draw the states of an order into docs/orders.md, between its marks: `make states`."""

import re
from pathlib import Path

from models.orders.states import draw_states

PAGE = Path(__file__).with_name("orders.md")
MARKS = re.compile(r"(?P<first><!-- states: .*? -->\n).*?(?P<last><!-- end of states -->)", re.DOTALL)


def with_states(text: str) -> str:
    """Return the page with the current states between its marks."""
    drawn = f"```mermaid\n{draw_states()}\n```\n"
    return MARKS.sub(lambda found: f"{found['first']}{drawn}{found['last']}", text)


if __name__ == "__main__":
    PAGE.write_text(with_states(PAGE.read_text("utf-8")), "utf-8")
