"""The real client against prepared answers: envelopes, codes, logins and broken transport."""

import logging
from collections.abc import Callable

import pytest
from lxml import etree

from connectors.afterbuy import codes
from connectors.afterbuy.client import AfterbuyClient, Answer, DateWindow
from connectors.afterbuy.settings import AfterbuySettings, login_from
from connectors.errors import (
    AccountError,
    ConnectorError,
    RequestRefusedError,
    TransientError,
    UncertainError,
    WriteHeldBackError,
)
from tests.support.loopback import Loopback, Reply, http

TOKENS = {"partner_token": "partner-secret", "account_token": "account-secret"}
LEGACY = {"partner_id": "77", "partner_password": "pp", "user_id": "me", "user_password": "up"}


def envelope(status: str, result: str, *headers: str) -> Reply:
    body = (
        '<?xml version="1.0" encoding="utf-8"?>\r\n<Afterbuy>'
        f"<CallStatus>{status}</CallStatus><CallName>X</CallName><VersionID>8</VersionID>"
        f"<Result>{result}</Result></Afterbuy>"
    )
    return http(body.encode(), "Content-Type: text/xml; charset=utf-8", *headers)


def errors(*numbers: int | str) -> str:
    listed = "".join(
        f"<Error><ErrorCode>{number}</ErrorCode><ErrorDescription>Herr Mustermann</ErrorDescription></Error>"
        for number in numbers
    )
    return f"<ErrorList>{listed}</ErrorList>"


def warnings(*numbers: int) -> str:
    listed = "".join(
        f"<Warning><WarningCode>{number}</WarningCode><ProductID>{number}1</ProductID></Warning>"
        for number in numbers
    )
    return f"<WarningList>{listed}</WarningList>"


def client(url: str, *, test: bool = False, secrets: dict[str, str] = TOKENS) -> AfterbuyClient:
    settings = AfterbuySettings(base_url=url, read_timeout_seconds=0.5, total_timeout_seconds=2)
    return AfterbuyClient(settings, login_from(secrets), test=test)


def read(one: AfterbuyClient) -> Answer:
    return one.get_sold_items(page_size=10, detail_level=62)


def write(one: AfterbuyClient) -> Answer:
    return one.update_sold_items([[("OrderID", "1")]], ["1"])


def answer(reply: Reply, call: Callable[[AfterbuyClient], Answer] = read) -> Answer:
    with Loopback(reply) as server:
        one = client(server.url)
        try:
            return call(one)
        finally:
            one.close()


def failure(reply: Reply, call: Callable[[AfterbuyClient], Answer] = read) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        answer(reply, call)
    for hidden in (*TOKENS.values(), "Mustermann"):
        assert hidden not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("code", sorted(codes.EMPTY))
def test_an_error_that_means_nothing_there_is_an_empty_answer(code: int) -> None:
    assert answer(envelope("Error", errors(code))) == Answer(result=None)


@pytest.mark.parametrize("code", sorted(codes.ACCOUNT))
def test_an_error_of_the_login_stops_the_account_and_says_what_to_do(code: int) -> None:
    error = failure(envelope("Error", errors(code)))
    assert type(error) is AccountError
    assert f"error {code}: {codes.ACCOUNT[code]}" in str(error)


@pytest.mark.parametrize("code", sorted(codes.TEMPORARY))
@pytest.mark.parametrize("call", [read, write])
def test_an_error_that_may_pass_is_transient(code: int, call: Callable[[AfterbuyClient], Answer]) -> None:
    assert type(failure(envelope("Error", errors(code)), call)) is TransientError


@pytest.mark.parametrize("code", [*sorted(codes.REFUSED), 9999])
def test_any_other_error_is_refused_with_its_code(code: int) -> None:
    error = failure(envelope("Error", errors(code)), write)
    assert isinstance(error, codes.AfterbuyRefusedError)
    assert error.codes == {code}
    assert f"error {code}: " in str(error)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((15, 9), AccountError),
        ((32, 9), AccountError),
        ((15, 32), RequestRefusedError),
        ((52, 32), RequestRefusedError),
        ((15, 52), TransientError),
        ((15, 24), None),
        (("x",), RequestRefusedError),
        ((), RequestRefusedError),
    ],
)
def test_of_several_errors_the_gravest_counts(
    numbers: tuple[int, ...], expected: type[ConnectorError] | None
) -> None:
    reply = envelope("Error", errors(*numbers))
    if expected is None:
        assert answer(reply).result is None
    else:
        assert isinstance(failure(reply), expected)


def test_a_success_with_an_error_list_is_an_error() -> None:
    assert isinstance(failure(envelope("Success", errors(32))), RequestRefusedError)


def test_a_warning_brings_its_data_and_its_keys(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = answer(envelope("Warning", "<Orders><Order/></Orders>" + warnings(2, 12)))
    assert result.result is not None
    assert [(one.WarningCode, one.ProductID) for one in result.warnings] == [(2, "21"), (12, "121")]
    assert "warning 2: the product was not found" in caplog.text


@pytest.mark.parametrize("status", ["", "Running", "success"])
def test_a_status_that_is_not_known_is_no_answer(status: str) -> None:
    reply = envelope(status, "")
    if status == "success":
        assert answer(reply).warnings == []
        return
    assert type(failure(reply)) is TransientError
    assert type(failure(reply, write)) is UncertainError


@pytest.mark.parametrize(
    "reply",
    [
        http(b"<!DOCTYPE html><html>Wartung</html>"),
        http(b""),
        http(b"<Afterbuy><CallStatus>Success</CallStatus><Result>"),
        http(b"<Afterbuy><CallStatus>Success</CallStatus>", length=900),
        http(b"no", status="404 Not Found"),
        http(b'<!DOCTYPE x [<!ENTITY a "b">]><Afterbuy>&a;</Afterbuy>'),
        http(b"<html>down</html>", status="502 Bad Gateway"),
    ],
    ids=["html", "empty", "cut", "short", "404", "doctype", "502"],
)
def test_what_is_not_afterbuys_answer_is_lost(reply: Reply) -> None:
    assert type(failure(reply)) is TransientError
    assert type(failure(reply, write)) is UncertainError


def sent(secrets: dict[str, str], call: Callable[[AfterbuyClient], Answer]) -> str:
    with Loopback(envelope("Success", "")) as server:
        call(client(server.url, secrets=secrets))
    return server.requests[0].partition(b"\r\n\r\n")[2].decode()


def test_a_request_by_tokens() -> None:
    window = DateWindow("ModDate", "01.07.2026 00:00:00")
    body = sent(
        TOKENS, lambda one: one.get_sold_items(page_size=9, detail_level=62, after=7, windows=[window])
    )
    assert body == (
        "<?xml version='1.0' encoding='utf-8'?>\n<Request><AfterbuyGlobal>"
        "<PartnerToken>partner-secret</PartnerToken><AccountToken>account-secret</AccountToken>"
        "<CallName>GetSoldItems</CallName><DetailLevel>62</DetailLevel><ErrorLanguage>DE</ErrorLanguage>"
        "</AfterbuyGlobal><RequestAllItems>0</RequestAllItems><MaxSoldItems>9</MaxSoldItems>"
        "<OrderDirection>0</OrderDirection><DataFilter>"
        "<Filter><FilterName>DateFilter</FilterName><FilterValues><DateFrom>01.07.2026 00:00:00</DateFrom>"
        "<FilterValue>ModDate</FilterValue></FilterValues></Filter>"
        "<Filter><FilterName>RangeID</FilterName><FilterValues><ValueFrom>7</ValueFrom></FilterValues></Filter>"
        "</DataFilter></Request>"
    )


def test_a_request_by_the_older_login() -> None:
    root = etree.fromstring(sent(LEGACY, lambda one: one.get_afterbuy_time()).encode())
    head = root.find("AfterbuyGlobal")
    assert head is not None
    assert [(one.tag, one.text) for one in head] == [
        ("PartnerID", "77"),
        ("PartnerPassword", "pp"),
        ("UserID", "me"),
        ("UserPassword", "up"),
        ("CallName", "GetAfterbuyTime"),
        ("DetailLevel", "0"),
        ("ErrorLanguage", "DE"),
    ]


READS: dict[str, Callable[[AfterbuyClient], Answer]] = {
    "GetAfterbuyTime": lambda one: one.get_afterbuy_time(),
    "GetShopProducts": lambda one: one.get_shop_products(page_size=10, detail_level=0),
    "GetShopCatalogs": lambda one: one.get_shop_catalogs(),
    "GetStockInfo": lambda one: one.get_stock_info(["1"]),
    "GetSoldItems": read,
    "GetPaymentServices": lambda one: one.get_payment_services(),
    "GetShippingServices": lambda one: one.get_shipping_services(),
}
WRITES: dict[str, Callable[[AfterbuyClient], Answer]] = {
    "UpdateShopProducts": lambda one: one.update_shop_products([[("Quantity", "1")]]),
    "UpdateSoldItems": write,
}


@pytest.mark.parametrize("name", READS)
def test_test_mode_reads(name: str) -> None:
    with Loopback(envelope("Success", "")) as server:
        one = client(server.url, test=True)
        READS[name](one)
        assert one.would_send == []
    assert f"<CallName>{name}<".encode() in server.requests[0]


@pytest.mark.parametrize("name", WRITES)
def test_test_mode_keeps_writes_back_without_the_login(name: str) -> None:
    with Loopback(envelope("Success", "")) as server:
        one = client(server.url, test=True, secrets=LEGACY)
        with pytest.raises(WriteHeldBackError):
            WRITES[name](one)
        assert server.requests == []
    assert [kept.call for kept in one.would_send] == [name]
    assert one.would_send[0].body.startswith("<Request><AfterbuyGlobal><CallName>")
    assert "User" not in one.would_send[0].body
    assert "Partner" not in one.would_send[0].body
