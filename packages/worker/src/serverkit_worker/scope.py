"""Builds the ASGI scope of a request: the constant part once per connection, the rest per request.

Source: ASGI HTTP & WebSocket message format 2.5, "HTTP connection scope".
"""

from collections.abc import Mapping
from urllib.parse import unquote

from serverkit_proto.events import RequestReceived

from serverkit_worker.asgi import Scope

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
    """Return what is the same in every HTTP scope of one connection, to be copied per request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
        "http_version": "1.1",
        "scheme": scheme,
        "root_path": root_path,
        "server": server,
        "client": client,
    }


def http_scope(
    template: Scope,
    request: RequestReceived,
    extensions: Mapping[str, dict[str, object]],
    state: Mapping[str, object],
) -> Scope:
    """Return the scope of one request.

    Args:
        template: of this connection; only copied.
        request: as the protocol says it came.
        extensions: what the server can do for this request; copied, as applications may add.
        state: of the lifespan; copied, so that what one request stores no other one sees.
    """
    scope = template.copy()
    raw_path = request.raw_path
    path = raw_path.decode("ascii")
    if "%" in path:
        path = unquote(path)
    root_path = template["root_path"]
    if root_path and path != root_path and not path.startswith(f"{root_path}/"):
        # The proxy in front has stripped the prefix; an application gets the full path.
        path = f"{root_path}{path}"
    scope["method"] = request.method
    scope["path"] = path
    scope["raw_path"] = raw_path
    scope["query_string"] = request.query_string
    scope["headers"] = request.headers
    scope["state"] = dict(state)
    scope["extensions"] = dict(extensions)
    if request.http_version != "1.1":
        scope["http_version"] = request.http_version
    return scope
