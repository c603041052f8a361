"""What the scope of a request says: each key, with the type that the specification gives it."""

from typing import Any

import pytest

from serverkit_proto.events import RequestReceived
from serverkit_worker.asgi import Scope
from serverkit_worker.config import WorkerConfig
from serverkit_worker.scope import Address, connection_scope, http_scope, socket_address
from tests.worker.driving import (
    GET,
    Held,
    advance,
    connect,
    make_serving,
    stepped,
    turns,
    wire,
)


def request(
    raw_path: bytes = b"/", *, method: str = "GET", query: bytes = b"", version: str = "1.1"
) -> RequestReceived:
    """Return a request as the protocol gives it."""
    return RequestReceived(
        method=method,
        target=raw_path,
        raw_path=raw_path,
        query_string=query,
        headers=[(b"host", b"a"), (b"x", b"\xe9")],
        http_version=version,
        content_length=None,
        end=True,
        expect_continue=False,
        accepts_trailers=False,
        upgrade=False,
    )


def scope_of(
    received: RequestReceived,
    *,
    server: Address | None = ("127.0.0.1", 80),
    client: Address | None = ("127.0.0.1", 5),
    root_path: str = "",
    state: dict[str, object] | None = None,
    extensions: dict[str, dict[str, object]] | None = None,
) -> Scope:
    """Return the scope of one request on a connection of its own."""
    template = connection_scope(server=server, client=client, scheme="http", root_path=root_path)
    return http_scope(template, received, extensions or {}, state or {})


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("127.0.0.1", 8000), ("127.0.0.1", 8000)),
        (("::1", 8000, 0, 0), ("::1", 8000)),
        (("fe80::1%eth0", 8000, 0, 2), ("fe80::1%eth0", 8000)),
        ("/run/app.sock", ("/run/app.sock", None)),
        (b"\0abstract", ("\0abstract", None)),
        ("", None),
        (b"", None),
        (None, None),
    ],
)
def test_each_kind_of_socket_has_its_address(name: object, address: Address | None) -> None:
    """Host and port, or a path and None; None for a socket without a name."""
    assert socket_address(name) == address


def test_every_key_is_there_with_its_type() -> None:
    """As "HTTP connection scope" lists them, and no other key."""
    scope = scope_of(request(b"/a%20b", method="PUT", query=b"x=%20"))

    types = {
        "type": str,
        "asgi": dict,
        "http_version": str,
        "method": str,
        "scheme": str,
        "path": str,
        "raw_path": bytes,
        "query_string": bytes,
        "root_path": str,
        "headers": list,
        "server": tuple,
        "client": tuple,
        "state": dict,
        "extensions": dict,
    }
    assert {key: type(value) for key, value in scope.items()} == types
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert (scope["method"], scope["http_version"]) == ("PUT", "1.1")
    assert (scope["path"], scope["raw_path"]) == ("/a b", b"/a%20b")
    assert scope["query_string"] == b"x=%20"
    assert scope["headers"] == [(b"host", b"a"), (b"x", b"\xe9")]
    assert scope["server"] == ("127.0.0.1", 80)
    assert [type(part) for part in scope["client"]] == [str, int]


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        (b"/", "/"),
        (b"/a%2Fb", "/a/b"),
        (b"/%C3%A9", "/\xe9"),
        (b"/%ff", "/\ufffd"),
        (b"/100%", "/100%"),
        (b"/%zz", "/%zz"),
        (b"/a+b", "/a+b"),
        (b"/%00", "/\0"),
        (b"*", "*"),
        (b"//host/x", "//host/x"),
        (b"/a/../b", "/a/../b"),
    ],
)
def test_the_path_is_percent_decoded(raw_path: bytes, path: str) -> None:
    """As UTF-8, and nothing else is done to it."""
    scope = scope_of(request(raw_path))

    assert (scope["path"], scope["raw_path"]) == (path, raw_path)


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        (b"/x", "/api/x"),
        (b"/api/x", "/api/x"),
        (b"/api", "/api"),
        (b"/", "/api/"),
        (b"/apis", "/api/apis"),
        (b"/%61pi/x", "/api/x"),
    ],
)
def test_the_path_is_below_the_root_path(raw_path: bytes, path: str) -> None:
    """Whether the proxy has stripped the prefix or not."""
    scope = scope_of(request(raw_path), root_path="/api")

    assert (scope["path"], scope["root_path"], scope["raw_path"]) == (path, "/api", raw_path)


def test_the_version_is_that_of_the_request() -> None:
    """Each request of a connection has its own."""
    assert scope_of(request(version="1.0"))["http_version"] == "1.0"


def test_what_a_request_stores_no_other_sees() -> None:
    """State and extensions are copies, one level deep: the objects in the state are shared."""
    shared: list[int] = []
    state: dict[str, object] = {"pool": shared}
    extensions: dict[str, dict[str, object]] = {"http.response.pathsend": {}}
    first, second = (scope_of(request(), state=state, extensions=extensions) for _ in range(2))

    first["state"]["user"] = "me"
    first["extensions"]["mine"] = {}
    first["new"] = first["headers"].append((b"a", b"b"))

    assert second["state"] == state == {"pool": shared}
    assert second["state"]["pool"] is shared
    assert second["extensions"] == extensions == {"http.response.pathsend": {}}
    assert "new" not in second


@stepped
async def test_each_request_of_a_connection_has_a_scope_of_its_own() -> None:
    """Made from what is the same for all of them."""
    app = Held()
    app.go_on.set()
    line = wire(app)

    await line.exchange(b"GET /1?a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n")
    await line.exchange(GET)

    first, second = app.calls
    assert (first["path"], first["query_string"]) == ("/1", b"a")
    assert (second["path"], second["query_string"]) == ("/", b"")
    assert second["headers"] == [(b"host", b"a")]
    assert second["client"] == ("127.0.0.1", 50_000)
    assert second["server"] == ("127.0.0.1", 8000)


@stepped
async def test_a_unix_socket_has_a_server_and_no_client() -> None:
    """Its peer has no name."""
    app = Held()
    line = connect(make_serving(app), extra={"sockname": "/run/a.sock", "peername": ""})

    line.send(GET)
    await turns()

    assert (app.calls[0]["server"], app.calls[0]["client"]) == (("/run/a.sock", None), None)
    line.serving.abort()
    await advance(0.25)


@pytest.mark.parametrize(
    ("config", "fields", "offered"),
    [
        ({}, b"", {"early_hint", "pathsend"}),
        ({}, b"TE: trailers\r\n", {"early_hint", "pathsend", "trailers"}),
        ({"debug": True}, b"", {"early_hint", "pathsend", "debug"}),
    ],
)
@stepped
async def test_only_what_works_is_offered(
    config: dict[str, Any], fields: bytes, offered: set[str]
) -> None:
    """Trailers to clients that take them, debug in debug."""
    app = Held()
    line = wire(app, WorkerConfig(**config))
    line.send(GET[:-2] + fields + b"\r\n")
    app.go_on.set()
    await turns()

    assert set(app.calls[0]["extensions"]) == {f"http.response.{name}" for name in offered}


@stepped
async def test_the_state_of_the_lifespan_is_offered() -> None:
    """The same objects in a dict of each request's own."""
    app = Held()
    app.go_on.set()
    pool = object()
    serving = make_serving(app, state={"pool": pool})
    line = connect(serving)

    await line.exchange(GET)
    serving.state = {"pool": None}
    await line.exchange(GET)

    assert [scope["state"] for scope in app.calls] == [{"pool": pool}, {"pool": None}]


@stepped
async def test_the_scheme_is_that_of_the_connection() -> None:
    """As its transport knows whether it speaks TLS; plain text says nothing of it."""
    app = Held()
    app.go_on.set()
    await connect(make_serving(app)).exchange(GET)
    assert app.calls[0]["scheme"] == "http"
    assert "tls" not in app.calls[0]["extensions"]


def test_the_method_is_in_upper_case() -> None:
    """As ASGI wants it, whatever the client wrote."""
    assert scope_of(request(method="purge"))["method"] == "PURGE"
