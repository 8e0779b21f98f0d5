"""The HTTP server: the XML endpoint, socket control for faults, and the control interface.

Source: wire notes sections 1.1 and 5.
"""

import gzip
import socket
import struct
import sys
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, RLock, Thread
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

from lxml import etree

from connectors.afterbuy.simulator import control
from connectors.afterbuy.simulator.calls import calls
from connectors.afterbuy.simulator.calls.calls import Outcome, ParsedRequest
from connectors.afterbuy.simulator.faults import OUTAGE_PAGE, Fault, Faults
from connectors.afterbuy.simulator.sample import malformed
from connectors.afterbuy.simulator.state import State
from connectors.afterbuy.simulator.switches import Switches
from connectors.afterbuy.simulator.values import BERLIN
from connectors.afterbuy.simulator.wire.envelope import Element, RefusedError

ENDPOINT = "/afterbuy/ABInterface.aspx"
XML = "text/xml; charset=utf-8"
HTML = "text/html; charset=utf-8"
KEPT_PAGES = 20
KEPT_REQUESTS = 20_000
LARGEST_REQUEST = 64 * 1024 * 1024


@dataclass
class ReceivedCall:
    """One received call; `body` is the request without secrets, or None if it was not XML.

    `reply` is "success", "warning", "error 15" and so on, or the kind of the fault that replaced the answer.
    """

    call: str
    body: Element | None
    at: datetime
    path: str
    method: str
    content_type: str
    reply: str = ""
    effects: int = 0

    @property
    def is_write(self) -> bool:
        """Return whether the call can change something: its name begins with Update or Cancel."""
        return self.call.startswith(("Update", "Cancel"))

    def text(self) -> str:
        """Return the request as indented text without secrets."""
        return (
            "" if self.body is None else str(etree.tostring(self.body, encoding="unicode", pretty_print=True))
        )


class Simulator:
    """A stand-in for Afterbuy on a loopback port.

    `state`, `switches` and `faults` can be changed while it runs.
    """

    def __init__(self, state: State | None = None, switches: Switches | None = None, port: int = 0) -> None:
        """Prepare without listening; with port 0, `start` takes a free one."""
        self.state = state or State()
        if switches is not None:
            self.state.switches = switches
        self.faults = Faults()
        self.port = port
        self.stopping = Event()
        self.calls_by_name: Counter[str] = Counter()
        self.effects_by_name: Counter[str] = Counter()
        self._lock = RLock()
        self._requests: deque[ReceivedCall] = deque(maxlen=KEPT_REQUESTS)
        self._calls_by_day: Counter[str] = Counter()
        self._last_texts: dict[tuple[str, ...], str] = {}
        self._server: ThreadingHTTPServer | None = None
        self._thread: Thread | None = None

    @property
    def switches(self) -> Switches:
        """Return the current switches, shared with the state."""
        return self.state.switches

    @property
    def url(self) -> str:
        """Return the endpoint's address."""
        return f"http://127.0.0.1:{self.port}{ENDPOINT}"

    @property
    def control_url(self) -> str:
        """Return the control interface's address."""
        return f"http://127.0.0.1:{self.port}{control.PREFIX}"

    @property
    def requests(self) -> list[ReceivedCall]:
        """Return the last `KEPT_REQUESTS` received calls, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def writes(self) -> list[ReceivedCall]:
        """Return the received writes, whether they were executed or not."""
        return [received for received in self.requests if received.is_write]

    def written(self, call: str) -> list[ReceivedCall]:
        """Return the calls with this name that changed at least one record."""
        return [received for received in self.writes if received.call == call and received.effects]

    def start(self) -> "Simulator":
        """Listen on the loopback interface. Raises: OSError, if the port is in use."""
        simulator = self

        class BoundHandler(Handler):
            """A handler with a reference to its simulator."""

        BoundHandler.simulator = simulator
        self._server = Server(("127.0.0.1", self.port), BoundHandler)
        self.port = self._server.server_address[1]
        self.stopping.clear()
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), name="afterbuy", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening; faults that wait end at once. Safe to repeat."""
        self.stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None

    def __enter__(self) -> "Simulator":
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def note(self, received: ReceivedCall) -> bool:
        """Store and count a call; return whether it exceeds the daily limit."""
        limit = self.switches.calls_per_day
        day = received.at.astimezone(BERLIN).date().isoformat()
        with self._lock:
            self._requests.append(received)
            self.calls_by_name[received.call] += 1
            self._calls_by_day[day] += 1
            return limit is not None and self._calls_by_day[day] > limit

    def finish(self, asked: ParsedRequest, received: ReceivedCall, outcome: Outcome) -> None:
        """Store the result of a call, and its answer for the fault "same page"."""
        with self._lock:
            received.reply, received.effects = outcome.reply, outcome.effects
            self.effects_by_name[received.call] += outcome.effects
            self._last_texts.pop(asked.walk, None)
            self._last_texts[asked.walk] = outcome.text
            if len(self._last_texts) > KEPT_PAGES:
                # The oldest query: queries with an old start date are never repeated.
                del self._last_texts[next(iter(self._last_texts))]

    def last_text(self, asked: ParsedRequest) -> str | None:
        """Return the last page sent for this query, or None."""
        return self._last_texts.get(asked.walk)

    def forget_answers(self) -> None:
        """Forget sent pages, so that none of them is repeated as the same page."""
        with self._lock:
            self._last_texts.clear()


class Server(ThreadingHTTPServer):
    """An HTTP server with a thread for each connection; stopping it waits for none of them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections, which faults break on purpose; report any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    simulator: Simulator
    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-IIS/8.5"
    sys_version = ""
    disable_nagle_algorithm = True
    # Header and body in one packet: sent separately, delayed acknowledgement would cost 40 ms per call.
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer a call or a control request."""
        body = self._read_body()
        path = self.path.partition("?")[0]
        if path.startswith(control.PREFIX):
            self._steer(path, body)
        elif path.casefold() != ENDPOINT.casefold():
            self._send(404, OUTAGE_PAGE.encode(), HTML)
        else:
            self._answer(body)

    def do_GET(self) -> None:
        """Answer a GET like a POST: clients in production send GET with a body."""
        self.do_POST()

    def do_DELETE(self) -> None:
        """Answer a control request."""
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log: request lines do not help in tests."""

    def _read_body(self) -> bytes:
        """Return the request's body, sent with a length or in chunks."""
        if self.headers.get("Transfer-Encoding", "").casefold() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, LARGEST_REQUEST))

    def _steer(self, path: str, body: bytes) -> None:
        """Answer a control request; refuse browser pages, which send Origin."""
        if self.client_address[0] != "127.0.0.1" or self.headers.get("Origin"):
            status, text = 403, "{}"
        else:
            status, text = control.answer(self.simulator, self.command, path, body)
        self._send(status, text.encode(), "application/json")

    def _answer(self, body: bytes) -> None:
        """Answer one call of the XML interface; a queued fault replaces or spoils the answer."""
        simulator, switches = self.simulator, self.simulator.switches
        content_type = self.headers.get("Content-Type", "")
        kind = content_type.partition(";")[0].strip().casefold()
        if kind == "application/x-www-form-urlencoded":
            body = parse_qs(body.decode("utf-8", "replace")).get("xmlRequest", [""])[0].encode()
        asked = calls.read(body)
        if switches.required_content_types and kind not in switches.required_content_types:
            asked = ParsedRequest(asked.call, asked.root, RefusedError(2))
        received = ReceivedCall(
            call=asked.call,
            body=None if asked.root is None else calls.redacted(asked.root),
            at=simulator.state.now(),
            path=self.path,
            method=self.command,
            content_type=content_type,
        )
        if simulator.note(received):
            self._refuse_over_limit(asked, received)
            return
        fault = simulator.faults.take(asked.call, again=simulator.last_text(asked) is not None)
        if fault is not None and not fault.takes_effect:
            received.reply = fault.kind
            self._fail(fault, asked)
            return
        backwards = fault is not None and fault.kind == "out_of_order"
        outcome = calls.run(asked, simulator.state, switches, backwards=backwards)
        simulator.finish(asked, received, outcome)
        if fault is None:
            self._send_text(outcome.text)
        else:
            received.reply = fault.kind
            self._spoil(fault, outcome)

    def _refuse_over_limit(self, asked: ParsedRequest, received: ReceivedCall) -> None:
        """Refuse a call above the daily limit, in the way that the switch names."""
        received.reply = "over_limit"
        if self.simulator.switches.over_limit == "error_60":
            self._send_text(calls.refused(asked, RefusedError(60)).text)
        else:
            self._send(429, OUTAGE_PAGE.encode(), HTML)

    def _fail(self, fault: Fault, asked: ParsedRequest) -> None:
        """Answer with a fault; the call is not executed."""
        match fault.kind:
            case "refuse_login":
                code = fault.code or self.simulator.switches.token_error_code
                self._send_text(calls.refused(asked, RefusedError(code)).text)
            case "error":
                self._send_text(calls.refused(asked, RefusedError(fault.code), status=fault.status).text)
            case "throttle":
                headers = {} if fault.seconds < 0 else {"Retry-After": str(int(fault.seconds))}
                self._send(429, OUTAGE_PAGE.encode(), HTML, headers)
            case "status":
                self._send(fault.code, OUTAGE_PAGE.encode(), HTML)
            case "html_page":
                self._send(200, OUTAGE_PAGE.encode(), HTML)
            case "timeout":
                self._keep_silent(fault.seconds)
            case "same_page":
                self._send_text(self.simulator.last_text(asked) or "")
            case _:
                self._reset()

    def _spoil(self, fault: Fault, outcome: Outcome) -> None:
        """Answer with a fault; the call was executed before."""
        match fault.kind:
            case "slow":
                self.simulator.stopping.wait(fault.seconds)
                self._send_text(outcome.text)
            case "timeout":
                self._keep_silent(fault.seconds)
            case "reset_after":
                self._reset()
            case "cut_body":
                self._cut(outcome.text.encode(), fault)
            case "invalid_characters":
                self._send_text(outcome.text.replace("<![CDATA[", "<![CDATA[\x0b\x02"))
            case "entity_bomb":
                self._send_text(malformed.BOMBS[fault.form])
            case "oversized":
                self._flood(outcome.text, fault)
            case "nul":
                self._send_text(outcome.text.replace("]]>", "\0]]>&#0;&#x00;"))
            case "bad_encoding":
                self._send_body(malformed.ENCODINGS[fault.form](outcome.text))
            case "nonsense_record":
                self._send_text(malformed.with_nonsense(outcome.text, fault.field, fault.value, fault.times))
            case "repeated_record":
                self._send_text(malformed.with_repeats(outcome.text, fault.field, fault.times))
            case "deep_nesting":
                self._send_text(malformed.deep(fault.times))
            case _:
                self._send_text(outcome.text)

    def _send_text(self, text: str) -> None:
        """Send an answer as Afterbuy does: 200, chunked, with a session cookie."""
        self._send_body(text.encode("utf-8", "surrogateescape"))

    def _send_body(self, body: bytes) -> None:
        headers = {"Set-Cookie": "ASP.NET_SessionId=simulator0000000000000000; path=/; HttpOnly"}
        if self.simulator.switches.compress and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        self._send(200, body, XML, headers, chunked=self.simulator.switches.chunked)

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str,
        headers: dict[str, str] | None = None,
        *,
        chunked: bool = False,
    ) -> None:
        """Send a complete response."""
        self._head(status, content_type, headers or {}, None if chunked else len(body))
        self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body)
        self.wfile.flush()

    def _head(self, status: int, content_type: str, headers: dict[str, str], length: int | None) -> None:
        """Send a response's header; without a length the body follows in chunks."""
        self.send_response(status)
        self.send_header("Cache-Control", "private")
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _cut(self, body: bytes, fault: Fault) -> None:
        """Send the beginning of a body, with the length of the whole body or of the part."""
        part = body[: fault.at_byte]
        self._head(200, XML, {}, len(part) if fault.honest_length else len(body))
        self.wfile.write(part)
        self.wfile.flush()
        # With the honest length the response is complete for HTTP, so the connection stays open.
        self.close_connection = not fault.honest_length

    def _flood(self, text: str, fault: Fault) -> None:
        """Send a very large answer in the fault's form; a client that hangs up is no error."""
        if fault.form == "gzip":
            body = malformed.zipped(malformed.flood(text, fault.size))
            self._send(200, body, XML, {"Content-Encoding": "gzip"})
            return
        chunked = fault.form == "chunked"
        self._head(200, XML, {}, None if chunked else sum(map(len, malformed.flood(text, fault.size))))
        self.close_connection = True
        with suppress(OSError):
            for chunk in malformed.flood(text, fault.size):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            self.wfile.write(b"0\r\n\r\n" if chunked else b"")
            self.wfile.flush()

    def _keep_silent(self, seconds: float) -> None:
        """Send nothing for a while, then close."""
        self.simulator.stopping.wait(seconds)
        self.close_connection = True

    def _reset(self) -> None:
        """Close the connection with a reset instead of an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # Closed here, before the server would end the connection in order, which clients see as an end of
        # file.
        self.rfile.close()
        self.connection.close()
