"""The ways that docs/design/architecture.md tells are those that requests and messages take."""

import http.client
import re
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest
import trustme
from websockets.sync.client import connect

from examples.hello import app
from serverkit_server.testing import TestServer
from serverkit_worker.asgi import Receive, Scope, Send
from tests.docs.pages import ROOT
from tests.docs.processes import WAIT_S

PAGE = (ROOT / "docs" / "design" / "architecture.md").read_text("utf-8")
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| `(\w+)` \| [^|]+ \|$", re.MULTILINE)
LINK = re.compile(r"\[[\w.]+\]\(([^)]+)\)")
WATCHED = (str(ROOT / "packages"), str(ROOT / "examples"), __file__)


class Call(NamedTuple):
    """A call: who called, in which file, what; the caller is empty where it does not matter."""

    caller: str
    file: str
    function: str


def steps(heading: str, application: str) -> list[Call]:
    """Read the rows of a section; in which file the application is, they do not say."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [
        _step(caller, file, function, application)
        for caller, file, function in ROW.findall(section)
    ]


def _step(caller: str, file: str, function: str, application: str) -> Call:
    link = LINK.search(file)
    path = (ROOT / "docs" / "design" / link[1]).resolve() if link else application
    named = caller.strip("`")
    return Call("" if named in ("the loop", "-") else named, str(path), function)


@contextmanager
def noted_calls() -> Iterator[list[Call]]:
    """Note every call of a function of ours in threads that start meanwhile, such as a server's."""
    seen: list[Call] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(WATCHED):
            caller = frame.f_back.f_code.co_name if frame.f_back else ""
            seen.append(Call(caller, file, frame.f_code.co_name))

    before = threading.getprofile()
    threading.setprofile(note)
    try:
        yield seen
    finally:
        threading.setprofile(before)


def calls_of_one_request() -> list[Call]:
    """Serve one request and note the calls."""
    with noted_calls() as seen, TestServer(app, access_log=True) as server:
        client = http.client.HTTPConnection(server.host, server.port, timeout=WAIT_S)
        with closing(client):
            client.request("GET", "/")
            assert client.getresponse().read()
    return seen


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back what is received."""
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def calls_of_one_websocket(folder: Path) -> list[Call]:
    """Serve one WebSocket by TLS and note the calls."""
    authority, trust = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trust)
    pem = folder / "localhost.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    server = TestServer(
        echo, lifespan="off", access_log=False, ssl_certfile=str(pem), ssl_keyfile=str(pem)
    )
    with noted_calls() as seen, server:
        address = (server.host, server.port)
        with (
            socket.create_connection(address, timeout=WAIT_S) as client,
            connect("wss://localhost/", sock=client, ssl=trust) as websocket,
        ):
            websocket.send("hello")
            assert websocket.recv(timeout=WAIT_S) == "hello"
    return seen


def missing(wanted: list[Call], seen: list[Call]) -> Iterator[Call]:
    """Yield the steps that do not come behind the step before them."""
    at = 0
    for step in wanted:
        for number in range(at, len(seen)):
            call = seen[number]
            if call[1:] == step[1:] and step.caller in ("", call.caller):
                at = number + 1
                break
        else:
            yield step


@pytest.mark.skipif(sys.getprofile() is not None, reason="SOMEBODY ELSE PROFILES")
def test_a_request_takes_the_way_that_the_page_tells() -> None:
    """Each row is a call that happens, by the caller it names, after that of the row before."""
    wanted = steps("The way of one request", app.__code__.co_filename)

    assert len(wanted) > 15
    assert list(missing(wanted, calls_of_one_request())) == []


@pytest.mark.skipif(sys.getprofile() is not None, reason="SOMEBODY ELSE PROFILES")
def test_a_websocket_takes_the_way_that_the_page_tells(tmp_path: Path) -> None:
    """From the handshake of TLS to the close frame."""
    wanted = steps("The way of one WebSocket by TLS", echo.__code__.co_filename)

    assert len(wanted) > 30
    assert list(missing(wanted, calls_of_one_websocket(tmp_path))) == []


def test_a_step_that_does_not_happen_is_seen() -> None:
    """Another order, another caller and another function are each missed."""
    seen = [Call("", "a.py", "one"), Call("one", "b.py", "two")]

    assert list(missing(seen, seen)) == []
    assert list(missing(seen[::-1], seen)) == [seen[0]]
    assert list(missing([Call("other", "b.py", "two")], seen)) == [Call("other", "b.py", "two")]
