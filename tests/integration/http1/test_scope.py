"""The scope an application is given, on each kind of socket, and what the log has of it."""

import json
import socket
import tempfile
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.support.engines import ON_EVERY_ENGINE_AND_TLS, ON_ONE, ON_TLS_TOO
from tests.support.probe import Probe, request

pytestmark = ON_EVERY_ENGINE_AND_TLS

APP = "tests.support.apps.probe:app"
EXTENSIONS = {
    "http.response.trailers",
    "http.response.early_hint",
    "http.response.pathsend",
    "http.response.debug",
}


def scope_of(probe: Probe, data: bytes) -> dict[str, object]:
    """Return the scope for a request; each value is [name of type, value]."""
    scope: dict[str, object] = json.loads(probe.ask(data).body)
    return scope


def test_http_over_tcp(probe: Probe) -> None:
    """Every key of the specification is there, with its type and its value."""
    with probe.connect() as client:
        port = client.socket.getsockname()[1]
        client.send(request("/sc%6fpe?a=%20&b=%C3%A4", "X-Mixed: Case", "X-Twice: 1", "X-Twice: 2"))
        scope = json.loads(client.read_answer().body)
    server_port = probe.server.address[1]
    extensions = scope.pop("extensions")
    assert set(extensions[1]) <= (EXTENSIONS | {"tls"} if probe.server.trust else EXTENSIONS)
    assert extensions[1].items() >= {"http.response.early_hint": ["dict", {}]}.items()
    assert scope == {
        "type": ["str", "http"],
        "asgi": ["dict", {"version": ["str", "3.0"], "spec_version": ["str", "2.5"]}],
        "http_version": ["str", "1.1"],
        "method": ["str", "GET"],
        "scheme": ["str", "https" if probe.server.trust else "http"],
        "path": ["str", "/scope"],
        "raw_path": ["bytes", "/sc%6fpe"],
        "query_string": ["bytes", "a=%20&b=%C3%A4"],
        "root_path": ["str", ""],
        "headers": [
            "list",
            [
                [kind, [["bytes", name], ["bytes", value]]]
                for kind, (name, value) in zip(
                    [item[0] for item in scope["headers"][1]],
                    [("host", "testing"), ("x-mixed", "Case"), ("x-twice", "1"), ("x-twice", "2")],
                    strict=True,
                )
            ],
        ],
        "client": [scope["client"][0], [["str", "127.0.0.1"], ["int", port]]],
        "server": [scope["server"][0], [["str", "127.0.0.1"], ["int", server_port]]],
        "state": ["dict", {"greeting": ["str", "from startup"]}],
    }
    assert {kind for kind, _ in scope["headers"][1]} <= {"list", "tuple"}


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a%20b", "/a b"),
        ("/%C3%A4", "/ä"),
        ("/%ff", "/\ufffd"),
        ("/a%2Fb", "/a/b"),
        ("//double", "//double"),
        ("/%", "/%"),
        ("/;a=1", "/;a=1"),
    ],
)
def test_path_is_decoded_and_raw_path_is_not(probe: Probe, target: str, path: str) -> None:
    """The path is percent-decoded UTF-8, the raw path is as it was sent."""
    assert json.loads(probe.get(target).body) == [path, target, ""]


def test_state_is_a_copy_for_each_request(probe: Probe) -> None:
    """The state of the lifespan is in every scope."""
    scope = scope_of(probe, request("/scope", "Connection: close"))
    assert scope["state"] == ["dict", {"greeting": ["str", "from startup"]}]


@ON_ONE
def test_http_over_ipv6(serve: Serve, engine: tuple[str, ...]) -> None:
    """Addresses of IPv6 are host and port too, without brackets."""
    with socket.socket(socket.AF_INET6) as trial:
        try:
            trial.bind(("::1", 0))
        except OSError:
            pytest.skip("THIS MACHINE HAS NO IPv6")
    probe = Probe(serve(APP, *engine, "--host", "::1"))
    scope = scope_of(probe, request("/scope", "Connection: close"))
    for key in ("client", "server"):
        value = scope[key]
        assert isinstance(value, list)
        assert value[1][0] == ["str", "::1"]
        assert value[1][1][0] == "int"


@ON_TLS_TOO
def test_http_over_a_unix_socket(serve: Serve, engine: tuple[str, ...]) -> None:
    """There is no client address, and the server is the path without a port."""
    with tempfile.TemporaryDirectory() as folder:  # its path is short enough for a socket
        path = str(Path(folder) / "socket")
        probe = Probe(serve(APP, *engine, "--uds", path))
        scope = scope_of(probe, request("/scope", "Connection: close"))
        assert scope["client"] == ["NoneType", None]
        server = scope["server"]
        assert isinstance(server, list)
        assert server[1] == [["str", path], ["NoneType", None]]
        assert probe.get("/").body == b"hello"


@ON_ONE
def test_root_path(serve: Serve, engine: tuple[str, ...]) -> None:
    """The root path that was set is in the scope, and in front of the path, but only once."""
    probe = Probe(serve(APP, *engine, "--root-path", "/api"))
    assert json.loads(probe.get("/x").body) == ["/api/x", "/x", "/api"]
    assert json.loads(probe.get("/api/x").body) == ["/api/x", "/api/x", "/api"]
    assert json.loads(probe.get("/apix").body) == ["/api/apix", "/apix", "/api"]


@ON_ONE
def test_the_access_log_has_no_control_characters(serve: Serve, engine: tuple[str, ...]) -> None:
    """What a client put into its target cannot write to the terminal of who reads the log."""
    probe = Probe(serve(APP, *engine, "--log-format", "text"))
    assert probe.get("/%1b%5b31m%0aforged?x=%1b%0d").status == 404
    probe.server.wait_for_output("forged")
    assert probe.server.stop() == 0
    output = probe.server.output
    assert "\x1b" not in output
    assert not [line for line in output.splitlines() if line.startswith("forged")]
