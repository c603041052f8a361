"""Reads what a server has sent, strictly, for tests that look at whole responses."""

from dataclasses import dataclass


class IncompleteError(AssertionError):
    """There is no complete response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One response; names are lower case."""

    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes
    trailers: list[tuple[bytes, bytes]]

    def __getitem__(self, name: str) -> str | None:
        """Return the value of a field, None where there is none."""
        values = [value for key, value in self.fields if key == name.encode()]
        assert len(values) <= 1, f"{name}: {values}"
        return values[0].decode() if values else None

    @property
    def code(self) -> str | None:
        """The error code, without its prefix."""
        code = self["x-serverkit-error-code"]
        return code and code.removeprefix("SERVERKIT_")

    @property
    def closes(self) -> bool:
        """Whether it says that the connection closes."""
        return self["connection"] == "close"


def responses(data: bytes, *, method: str = "GET") -> list[Response]:
    """Return all the responses in `data`, which holds nothing else; 1xx are among them."""
    found = []
    while data:
        response, data = _response(data, method)
        found.append(response)
    return found


def first(data: bytes, *, method: str = "GET") -> tuple[Response, bytes] | None:
    """Return the first response and what follows it; None while it is not complete."""
    try:
        return _response(data, method)
    except IncompleteError:
        return None


def only(data: bytes, *, method: str = "GET") -> Response:
    """Return the one response that `data` is."""
    (response,) = responses(data, method=method)
    return response


def _response(data: bytes, method: str) -> tuple[Response, bytes]:
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        raise IncompleteError(f"no complete head: {data!r}")
    status_line, *lines = head.split(b"\r\n")
    version, status, _ = status_line.split(b" ", 2)
    assert version == b"HTTP/1.1"
    fields = _fields(lines)
    values = dict(fields)
    body, trailers = b"", list[tuple[bytes, bytes]]()
    if int(status) < 200 or int(status) in (204, 304) or method == "HEAD":
        pass
    elif b"transfer-encoding" in values:
        body, trailers, rest = _chunks(rest)
    elif b"content-length" in values:
        length = int(values[b"content-length"])
        if len(rest) < length:
            raise IncompleteError(f"{len(rest)} bytes of {length}")
        body, rest = rest[:length], rest[length:]
    else:
        body, rest = rest, b""
    return Response(status=int(status), fields=fields, body=body, trailers=trailers), rest


def _chunks(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    body = b""
    while True:
        size_line, found, data = data.partition(b"\r\n")
        if not found:
            raise IncompleteError("no chunk size")
        size = int(size_line, 16)
        if not size:
            break
        if len(data) < size + 2:
            raise IncompleteError("a chunk does not end")
        body += data[:size]
        assert data[size : size + 2] == b"\r\n", "a chunk does not end"
        data = data[size + 2 :]
    section, found, rest = (b"\r\n" + data).partition(b"\r\n\r\n")
    if not found:
        raise IncompleteError("the trailer section does not end")
    return body, _fields(section.split(b"\r\n")[1:]), rest


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    pairs = [line.partition(b": ") for line in lines]
    return [(name.lower(), value) for name, _, value in pairs]
