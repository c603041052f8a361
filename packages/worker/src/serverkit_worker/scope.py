"""Builds the ASGI scope of a request: the constant part once per connection, the rest per request.

Source: ASGI HTTP & WebSocket message format 2.5, "HTTP connection scope".
"""

from collections.abc import Iterable
from urllib.parse import unquote

from serverkit_proto.events import RequestReceived
from serverkit_worker.asgi import Extensions, Scope

SPEC_VERSION = "2.5"

type Address = tuple[str, int | None]


def socket_address(name: object) -> Address | None:
    """Return what a scope says of a socket's name.

    Args:
        name: as `socket.getsockname()` or `getpeername()` give it: `(host, port)` for IPv4,
            `(host, port, flow, scope id)` for IPv6, a path for a unix socket, empty where unnamed.

    Returns:
        `(host, port)`, `(path, None)` for a named unix socket, None where there is no name.
    """
    if isinstance(name, tuple) and len(name) >= 2:
        return (str(name[0]), int(name[1]))
    if isinstance(name, bytes):
        name = name.decode("utf-8", "surrogateescape")
    if isinstance(name, str) and name:
        return (name, None)
    return None


def connection_scope(
    *, server: Address | None, client: Address | None, scheme: str, root_path: str
) -> Scope:
    """Return what is the same in every HTTP scope of one connection, to be copied per request.

    The rest is in place already, with empty values: filling in is cheaper than growing the dict.
    """
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
        "http_version": "1.1",
        "method": "",
        "scheme": scheme,
        "path": "",
        "raw_path": b"",
        "query_string": b"",
        "root_path": root_path,
        "headers": [],
        "server": server,
        "client": client,
        "state": {},
        "extensions": {},
    }


def http_scope(
    template: Scope,
    request: RequestReceived,
    extensions: dict[str, dict[str, object]],
    state: dict[str, object],
) -> Scope:
    """Return the scope of one request.

    Args:
        template: of this connection; only copied.
        request: as the protocol says it came.
        extensions: what the server can do for this request; copied, as applications may add.
        state: of the lifespan; copied, so that what one request stores no other one sees.
    """
    scope = template.copy()
    method, _, raw_path, query_string, headers, http_version, _, _, _, _, _ = request
    path = raw_path.decode("ascii")
    if "%" in path:
        path = unquote(path)
    if scope["root_path"]:
        path = _below(scope["root_path"], path)
    scope["method"] = method.upper()  # HTTP's methods have a case, ASGI's are upper-case.
    scope["path"] = path
    scope["raw_path"] = raw_path
    scope["query_string"] = query_string
    scope["headers"] = headers
    scope["state"] = state.copy()
    scope["extensions"] = extensions.copy()
    scope["http_version"] = http_version
    return scope


def websocket_scope(scope: Scope, subprotocols: Iterable[str]) -> Scope:
    """Make of the scope of a request that of the WebSocket for which it asks.

    Args:
        scope: as `http_scope` gave it; changed.
        subprotocols: that the client offers.

    Source: ASGI HTTP & WebSocket message format 2.5, "Websocket connection scope".
    """
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = list(subprotocols)
    extensions: Extensions = scope["extensions"]
    of_connection = {
        name: each for name, each in extensions.items() if not name.startswith("http.response.")
    }
    scope["extensions"] = {**of_connection, "websocket.http.response": {}}
    return scope


def _below(root_path: str, path: str) -> str:
    """Return the full path of a request, whether a proxy has stripped the prefix or not."""
    if path == root_path or path.startswith(f"{root_path}/"):
        return path
    return f"{root_path}{path}"
