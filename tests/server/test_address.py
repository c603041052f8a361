"""The written form of addresses."""

import pytest

from serverkit_server.address import (
    InheritedSocket,
    SystemdSocket,
    TCPAddress,
    UnixAddress,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8000", TCPAddress("127.0.0.1", 8000)),
        ("localhost:0", TCPAddress("localhost", 0)),
        ("[::1]:65535", TCPAddress("::1", 65_535)),
        (":80", TCPAddress("", 80)),
        ("unix:/run/app.sock", UnixAddress("/run/app.sock")),
        ("unix:app.sock", UnixAddress("app.sock")),
        ("fd://3", InheritedSocket(3)),
        ("systemd:", SystemdSocket("")),
        ("systemd:web.socket", SystemdSocket("web.socket")),
    ],
)
def test_reads_what_it_writes(text: str, expected: object) -> None:
    """Every form is read, and written again in the same way."""
    address = parse_address(text)
    assert expected == address
    assert text == str(address)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("localhost", "no port"),
        ("", "no port"),
        ("::1:8000", "brackets"),
        ("host:", "not a port"),
        ("host:-1", "not a port"),
        ("host:65536", "not a port"),
        ("host:8_0", "not a port"),
        ("host:\u0661", "not a port"),
        ("http://host:80", "not an address"),
        ("unix:", "no path"),
        ("fd://", "no descriptor"),
        ("fd://x", "no descriptor"),
    ],
)
def test_says_what_is_wrong(text: str, problem: str) -> None:
    """What is no address is refused, with what is wrong and how to write one."""
    with pytest.raises(ValueError, match=problem) as caught:
        parse_address(text)
    assert "write host:port" in str(caught.value)
