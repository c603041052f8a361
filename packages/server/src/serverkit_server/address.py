"""The written form of an address to listen on.

`host:port`, `[v6]:port`, `unix:path`, `fd://N`, `systemd:` or `systemd:name`.
"""

from dataclasses import dataclass

_FORMS = "write host:port, [v6 address]:port, unix:/path, fd://number or systemd:name"


@dataclass(frozen=True, slots=True)
class TCPAddress:
    """A host and a port.

    Attributes:
        host: a name, an IPv4 or an IPv6 address without brackets; empty: every address of the
            machine, of both families.
        port: 0 to 65535; 0: any free port.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a unix socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class InheritedSocket:
    """A socket that whoever started the process has bound; its descriptor, 0 or more."""

    descriptor: int

    def __str__(self) -> str:
        return f"fd://{self.descriptor}"


@dataclass(frozen=True, slots=True)
class SystemdSocket:
    """The sockets that systemd has opened for this process.

    Attributes:
        name: those of this name, `FileDescriptorName=` of the socket unit; empty: all of them.
    """

    name: str

    def __str__(self) -> str:
        return f"systemd:{self.name}"


type Address = TCPAddress | UnixAddress | InheritedSocket | SystemdSocket


def parse_address(text: str) -> Address:
    """Read an address to listen on.

    Raises:
        ValueError: it is none. The message says what is wrong with it and how to write one.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path:
            raise ValueError(f"no path in {text!r}; {_FORMS}")
        return UnixAddress(path)
    if text.startswith("fd://"):
        number = text.removeprefix("fd://")
        if not _is_number(number):
            raise ValueError(f"no descriptor number in {text!r}; {_FORMS}")
        return InheritedSocket(int(number))
    if text.startswith("systemd:"):
        return SystemdSocket(text.removeprefix("systemd:"))
    return _parse_tcp(text)


def _parse_tcp(text: str) -> TCPAddress:
    if "/" in text:
        raise ValueError(f"{text!r} is not an address; {_FORMS}")
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"no port in {text!r}; {_FORMS}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"an IPv6 address is written in brackets, unlike {text!r}; {_FORMS}")
    if not _is_number(port) or int(port) > 65_535:
        raise ValueError(f"{port!r} in {text!r} is not a port, 0 to 65535; {_FORMS}")
    return TCPAddress(host, int(port))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
