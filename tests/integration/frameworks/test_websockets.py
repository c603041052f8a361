"""WebSockets that people build with frameworks work when served from the command line."""

import json
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.probe import fresh_name
from tests.support.server_process import ServerProcess
from tests.support.websocket import Dialer

DEFLATE = pytest.mark.parametrize("compression", ["deflate", None], ids=["deflate", "as-it-is"])
TEXTS = ["hello", "", "Grüße, 世界 🎉", "long " * 20_000]
DATA = [b"\x00\xff\xfe", bytes(range(256)) * 4096]


def told(client: httpx.Client, name: str) -> tuple[int | None, str | None]:
    """Return code and reason of the end as the framework told its handler."""
    ending: dict[str, Any] = client.get(f"/endings/{name}").json()
    return ending["code"], ending["reason"]


def expected(framework: str, code: int, reason: str) -> tuple[int | None, str | None]:
    """Return what of the end that framework tells: Quart nothing, Channels the code."""
    match framework:
        case "quart":
            return None, None
        case "django":
            return code, None
        case _:
            return code, reason


@DEFLATE
def test_echo(server: ServerProcess, dial: Dialer, compression: str | None) -> None:
    """Text comes back as text and bytes as bytes, small and large, compressed or not."""
    path = f"/ws/echo?name={fresh_name()}"
    with dial(server, path, compression=compression) as socket:
        assert bool(socket.extensions) == (compression is not None)
        messages: list[str | bytes] = [*TEXTS, *DATA]
        for message in messages:
            socket.send(message)
            assert socket.hear() == message


@DEFLATE
def test_many_messages(server: ServerProcess, dial: Dialer, compression: str | None) -> None:
    """Messages that were sent without waiting come back whole and in order."""
    messages = [f"message {number}" for number in range(250)]
    path = f"/ws/echo?name={fresh_name()}"
    with dial(server, path, compression=compression) as socket:
        for message in messages:
            socket.send(message)
        assert socket.hear_many(250) == messages


def test_fragments(server: ServerProcess, dial: Dialer) -> None:
    """A message in several frames is one message for the application."""
    with dial(server, f"/ws/echo?name={fresh_name()}") as socket:
        socket.send(["in ", "three ", "parts"])
        assert socket.hear() == "in three parts"


def test_json(server: ServerProcess, dial: Dialer) -> None:
    """JSON goes in and comes out."""
    with dial(server, "/ws/json") as socket:
        for sent in ({"text": "Grüße"}, {"numbers": [1, 2, 3]}):
            socket.send(json.dumps(sent))
            assert socket.hear_json() == {"got": sent}


def test_subprotocol(server: ServerProcess, dial: Dialer) -> None:
    """The application sees what was offered, in order, and the client what was chosen."""
    offered = ["chat.v1", "chat.v2"]
    with dial(server, "/ws/chosen", subprotocols=offered) as socket:
        assert socket.subprotocol == "chat.v2"
        assert socket.hear_json() == offered


@pytest.mark.parametrize("offered", [None, ["chat.v1"]])
def test_no_subprotocol(server: ServerProcess, dial: Dialer, offered: list[str] | None) -> None:
    """Where nothing is chosen nothing is answered."""
    with dial(server, "/ws/chosen", subprotocols=offered) as socket:
        assert socket.subprotocol is None
        assert socket.hear_json() == (offered or [])


def test_handshake(server: ServerProcess, dial: Dialer, framework: str) -> None:
    """Path, query, cookies, fields and state arrive, and fields of the answer too."""
    path = f"/ws/handshake/{quote('a b ü')}?tag=x%20y&tag={quote('é&=')}"
    fields = [("Cookie", "other=1; flavour=plain"), ("X-Field", "value")]
    with dial(server, path, additional_headers=fields) as socket:
        found = socket.hear_json()
        # Django has no lifespan.
        assert framework == "django" or found.pop("greeting") == "from startup"
        assert found == {
            "room": "a b ü",
            "tags": ["x y", "é&="],
            "cookie": "plain",
            "field": "value",
            "scheme": "wss" if server.trust else "ws",
        }
        assert socket.end() == (1000, "")
    assert socket.response.headers["x-answer"] == "yes"
    assert socket.response.headers["set-cookie"] == "seen=1"


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1000, "done"), (3001, "Grüße"), (4999, "x" * 123)]
)
def test_the_client_closes(
    server: ServerProcess,
    dial: Dialer,
    client: httpx.Client,
    framework: str,
    code: int,
    reason: str,
) -> None:
    """The application is told code and reason of the client, who gets the same code back."""
    name = fresh_name()
    with dial(server, f"/ws/echo?name={name}") as socket:
        socket.close(code, reason)
        assert socket.end()[0] == code
    assert told(client, name) == expected(framework, code, reason)


def test_the_client_is_lost(
    server: ServerProcess, dial: Dialer, client: httpx.Client, framework: str
) -> None:
    """The application of a client that is gone without a word is told 1006."""
    name = fresh_name()
    with dial(server, f"/ws/echo?name={name}") as socket:
        socket.send("hello")
        assert socket.hear() == "hello"
        socket.cut()
    code, _reason = told(client, name)
    assert code == (None if framework == "quart" else 1006)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "going"), (4321, "Grüße")])
def test_the_application_closes(
    server: ServerProcess, dial: Dialer, code: int, reason: str
) -> None:
    """The client is told code and reason of the application."""
    with dial(server, f"/ws/close?code={code}&reason={quote(reason)}") as socket:
        socket.send("now")
        assert socket.end() == (code, reason)


def test_rejection(server: ServerProcess, dial: Dialer) -> None:
    """A close before the accept is a 403 without a body that tells anything."""
    response = dial.refusal(server, "/ws/refused")
    assert response.status_code == 403
    assert b"not you" not in response.body


def test_denial(server: ServerProcess, dial: Dialer, framework: str) -> None:
    """A framework that answers a handshake with a response of its own can do so."""
    if framework == "django":  # Channels cannot; an unknown path is what it refuses by itself
        assert dial.refusal(server, "/ws/no/such/path").status_code == 500
        return
    response = dial.refusal(server, "/ws/denied")
    if framework == "litestar":  # it closes instead
        assert response.status_code == 403
        return
    assert response.status_code == 401
    assert response.headers["x-denial"] == "yes"
    assert b"log in first" in response.body


def test_an_unknown_path_is_refused(server: ServerProcess, dial: Dialer, framework: str) -> None:
    """What the framework refuses by itself is refused."""
    answers = {"quart": 404, "django": 500}  # Channels raises an exception
    response = dial.refusal(server, "/ws/no/such/path")
    assert response.status_code == answers.get(framework, 403)


def test_exception_after_accept(server: ServerProcess, dial: Dialer, framework: str) -> None:
    """The client is told that the server failed and nothing else; the log has it."""
    handled = {"litestar": 4500, "quart": 1000}  # they close by themselves
    with dial(server, "/ws/error") as socket:
        socket.send("now")
        code, reason = socket.end()
    assert code == handled.get(framework, 1011)
    assert "told" not in reason
    server.wait_for_output("RuntimeError: told by the application")


def test_exception_before_accept(server: ServerProcess, dial: Dialer, framework: str) -> None:
    """The handshake is answered with a 500 that tells nothing; the log has it."""
    response = dial.refusal(server, "/ws/error-before")
    assert response.status_code == (403 if framework == "litestar" else 500)
    assert b"told" not in response.body
    server.wait_for_output("RuntimeError: told before accepting")


@DEFLATE
def test_the_application_sends_many(
    server: ServerProcess, dial: Dialer, compression: str | None
) -> None:
    """All that was sent before the close arrives before it, in order."""
    with dial(server, "/ws/numbers?count=2000", compression=compression) as socket:
        assert socket.hear_many(2000) == [f"number {n}" for n in range(2000)]
        assert socket.end() == (1000, "")


def test_a_room(server: ServerProcess, dial: Dialer) -> None:
    """What one client says, all in the room hear, in order, and who has left disturbs nobody."""
    path = f"/ws/rooms/{fresh_name()}"
    with ExitStack() as stack:
        members = [stack.enter_context(dial(server, path)) for _ in range(5)]
        for member in members:
            assert member.hear() == "welcome"
        for number in range(20):
            members[0].send(f"{number}")
        for member in members:
            assert member.hear_many(20) == [f"{n}" for n in range(20)]
        members.pop().close()
        members[1].send("still here")
        for member in members:
            assert member.hear() == "still here"


def test_requests_beside_open_sockets(
    server: ServerProcess, dial: Dialer, client: httpx.Client
) -> None:
    """Open WebSockets and requests don't wait for each other."""
    with ExitStack() as stack:
        paths = [f"/ws/echo?name={fresh_name()}" for _ in range(10)]
        sockets = [stack.enter_context(dial(server, path)) for path in paths]
        for number, socket in enumerate(sockets):
            assert client.get("/thread").status_code == 200
            socket.send(f"{number}")
        assert [socket.hear() for socket in sockets] == [f"{n}" for n in range(10)]


@pytest.mark.parametrize("framework", ["django"], indirect=True, scope="session")
def test_a_sync_consumer(server: ServerProcess, dial: Dialer, client: httpx.Client) -> None:
    """A consumer of Channels that is not async works in its thread."""
    name = fresh_name()
    with dial(server, f"/ws/sync-echo?name={name}") as socket:
        for message in ("text", b"bytes"):
            socket.send(message)
            assert socket.hear() == message
        socket.close(3001)
    assert told(client, name) == (3001, None)
