"""What is no request, or has no login, is refused with its code."""

import httpx
import pytest

from connectors.afterbuy.simulator import Simulator
from tests.connectors.afterbuy.simulator.requests import LOGIN, Reply, ask, envelope


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 1),
        (b"<Request><AfterbuyGlobal></Request>", 2),
        (b"<Anfrage/>", 2),
        (b"<Request><Name>\xfc</Name></Request>", 2),
        (b"<!DOCTYPE Request [<!ENTITY a 'b'>]><Request>&a;</Request>", 2),
        (b"<Request><Name>a\x0bb</Name></Request>", 2),
        (envelope("").replace(b"<CallName></CallName>", b""), 3),
        (envelope("GetNothing"), 12),
        (envelope("getafterbuytime"), 12),
        (envelope("UpdateCatalogs"), 52),
        (envelope("GetAfterbuyTime", level="x"), 18),
        (envelope("GetAfterbuyTime", level=2), 18),
    ],
)
def test_what_is_no_request_is_refused(
    simulator: Simulator, http: httpx.Client, body: bytes, code: int
) -> None:
    """Each has its code, under HTTP 200; what could not be parsed is called NotFound."""
    response = http.post(simulator.url, content=body)

    reply = Reply(response)
    assert (response.status_code, reply.status, reply.codes) == (200, "Error", [code])
    if code in (1, 2):
        assert reply.one("CallName") == "NotFound"


def legacy(
    number: str = "1000", partner: str = "demo-partner", user: str = "demo-user", word: str = "demo-pass"
) -> str:
    """Write the credentials of the legacy login."""
    return (
        f"<PartnerID>{number}</PartnerID><PartnerPassword>{partner}</PartnerPassword>"
        f"<UserID>{user}</UserID><UserPassword>{word}</UserPassword>"
    )


@pytest.mark.parametrize(
    ("login", "codes"),
    [
        (LOGIN, []),
        (legacy(), []),
        ("<PartnerID>1000</PartnerID>" + LOGIN, []),
        (LOGIN.replace("demo-account", "old-account"), [8]),
        ("", [4]),
        (legacy(number="abc"), [4]),
        (legacy(partner=""), [5]),
        (legacy(user=""), [6]),
        (legacy(word=""), [7]),
        (legacy(partner="wrong"), [8]),
        (legacy(word="wrong"), [9]),
    ],
)
def test_both_logins(simulator: Simulator, login: str, codes: list[int]) -> None:
    """Either complete set works; the legacy login has a code for each fault."""
    assert ask(simulator, "GetAfterbuyTime", login=login).codes == codes


def test_login_codes_are_switches(simulator: Simulator) -> None:
    """The code of a wrong token and of a wrong user can be chosen."""
    simulator.switches.change(token_error_code=35, legacy_user_error_code=10)

    assert ask(simulator, "GetVersion", login=LOGIN.replace("demo", "x")).codes == [35]
    assert ask(simulator, "GetVersion", login=legacy(word="x")).codes == [10]


def test_error_texts_follow_the_language(simulator: Simulator) -> None:
    """German unless EN is asked for."""
    german = ask(simulator, "GetSoldItems")
    english = ask(simulator, "GetSoldItems", extra="<ErrorLanguage>EN</ErrorLanguage>")

    assert german.one("ErrorDescription") == "Keine Artikel gefunden"
    assert english.one("ErrorDescription") == "No items found"
