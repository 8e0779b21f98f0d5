"""The stand-in answers over HTTP as Afterbuy does, and keeps what it received without secrets."""

import httpx
import pytest

from connectors.afterbuy.simulator import Simulator, State
from tests.connectors.afterbuy.simulator.requests import Reply, ask, envelope


def test_an_answer_looks_like_a_recorded_one(simulator: Simulator) -> None:
    """HTTP 200, text/xml, chunked, session cookie, CRLF, VersionID 8, Berlin and UTC two hours apart."""
    reply = ask(simulator, "GetAfterbuyTime")

    headers = reply.response.headers
    assert reply.response.status_code == 200
    assert headers["content-type"] == "text/xml; charset=utf-8"
    assert headers["transfer-encoding"] == "chunked"
    assert "ASP.NET_SessionId" in headers["set-cookie"]
    assert b"\r\n<CallStatus>Success</CallStatus>\r\n" in reply.response.content
    assert reply.one("VersionID") == "8"
    assert reply.one("AfterbuyTimeStamp") == "01.07.2026 12:00:00"
    assert reply.one("AfterbuyUniversalTimeStamp") == "01.07.2026 10:00:00"


def test_get_with_body_form_field_and_any_case_of_the_path(simulator: Simulator, http: httpx.Client) -> None:
    """All three forms that clients in production use are answered."""
    request = envelope("GetAfterbuyTime")
    lower = simulator.url.lower()

    replies = [
        http.request("GET", simulator.url, content=request),
        http.post(simulator.url, data={"xmlRequest": request.decode()}),
        http.post(lower, content=request),
    ]

    assert [Reply(reply).status for reply in replies] == ["Success"] * 3
    assert http.post(simulator.url + "x", content=request).status_code == 404


def test_requests_are_kept_without_secrets(simulator: Simulator) -> None:
    """What arrived can be read, the tokens cannot."""
    ask(simulator, "GetAfterbuyTime")

    (received,) = simulator.requests
    assert (received.call, received.reply, received.method) == ("GetAfterbuyTime", "success", "POST")
    assert "demo-partner-token" not in received.text()


def test_content_type_compression_and_plain_length_are_switches(
    simulator: Simulator, http: httpx.Client
) -> None:
    """Transport facts that nobody knows can be played either way."""
    simulator.switches.change(required_content_types=["text/xml"], compress=True, chunked=False)

    refused = Reply(http.post(simulator.url, content=envelope("GetVersion")))
    accepted = http.post(
        simulator.url, content=envelope("GetVersion"), headers={"Content-Type": "text/xml; charset=utf-8"}
    )

    assert refused.codes == [2]
    assert Reply(accepted).status == "Success"
    assert accepted.headers["content-encoding"] == "gzip"
    assert "content-length" in accepted.headers


def test_wrong_host_warns_beside_the_data(simulator: Simulator, state: State) -> None:
    """Warning 70 comes with everything that was asked for."""
    state.add_product("Teekanne")
    simulator.switches.change(wrong_host=True)

    reply = ask(simulator, "GetShopProducts")

    assert (reply.status, reply.codes, reply.all("Product/Name")) == ("Warning", [70], ["Teekanne"])


@pytest.mark.parametrize("reading", ["http_429", "error_60"])
def test_the_day_has_so_many_calls(simulator: Simulator, http: httpx.Client, reading: str) -> None:
    """The call above the limit is refused, without effect."""
    simulator.switches.change(calls_per_day=1, over_limit=reading)
    ask(simulator, "GetVersion")

    response = http.post(simulator.url, content=envelope("GetVersion"))

    if reading == "http_429":
        assert response.status_code == 429
    else:
        assert Reply(response).codes == [60]
