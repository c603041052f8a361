"""The ASGI extensions on the wire of HTTP/1: trailers, early hints, pathsend."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.engines import ON_EVERY_ENGINE_AND_LOOP
from tests.support.probe import Probe, fresh_name, request

pytestmark = ON_EVERY_ENGINE_AND_LOOP


def test_trailers_for_a_client_that_takes_them(probe: Probe) -> None:
    """A client that sent `TE: trailers` gets them behind the last chunk."""
    with probe.connect() as client:
        client.send(request("/trailers", "TE: trailers", "Connection: TE"))
        answer = client.read_answer()
        assert (answer.framing, answer.body) == ("chunked", b"body")
        assert answer.trailers == [("x-sum", "42"), ("x-last", "yes")]
        client.send(request())
        assert client.read_answer().body == b"hello"


@pytest.mark.parametrize("value", ["gzip;q=0.5, trailers", "trailers,deflate", "Trailers"])
def test_trailers_in_a_list(probe: Probe, value: str) -> None:
    """`trailers` counts anywhere in the list, in any case."""
    with probe.connect() as client:
        client.send(request("/trailers", f"TE: {value}", "Connection: TE"))
        assert client.read_answer().trailers == [("x-sum", "42"), ("x-last", "yes")]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_no_trailers_for_others(probe: Probe, version: str) -> None:
    """A client that did not ask for trailers gets the body alone, whole."""
    with probe.connect() as client:
        client.send(request("/trailers", "Connection: close", version=version))
        answer = client.read_answer()
        assert answer.body == b"body"
        assert not answer.trailers


def test_early_hints(probe: Probe) -> None:
    """Each early hint is a 103 of its own before the response."""
    with probe.connect() as client:
        client.send(request("/early-hint"))
        heads = [client.read_head(), client.read_head()]
        assert [head.status for head in heads] == [103, 103]
        links = [head.field("link") for head in heads]
        assert links == ["</a.css>; rel=preload", "</b.js>; rel=preload"]
        assert all(head.field("content-length") is None for head in heads)
        answer = client.read_answer()
        assert (answer.status, answer.body) == (200, b"hinted")


def test_no_early_hints_for_http_1_0(probe: Probe) -> None:
    """An HTTP/1.0 client would take a 103 for the response."""
    with probe.connect() as client:
        client.send(request("/early-hint", version="1.0"))
        assert client.read_head().status == 200


@pytest.fixture(scope="module", params=[0, 10, 3_000_000], ids=["empty", "small", "large"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of one of several sizes."""
    path = tmp_path_factory.mktemp("files") / "a file.bin"
    size: int = request.param
    path.write_bytes(bytes(range(251)) * (size // 251) + b"x" * (size % 251))
    return path


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "undeclared"])
def test_pathsend(probe: Probe, file: Path, *, declared: bool) -> None:
    """A file named by pathsend is sent whole, and the connection goes on."""
    content = file.read_bytes()
    length = f"&length={len(content)}" if declared else ""
    with probe.connect() as client:
        client.send(request(f"/pathsend?path={quote(str(file))}{length}") + request())
        answer = client.read_answer()
        assert answer.status == 200
        assert answer.body == content
        assert client.read_answer().body == b"hello"


def test_pathsend_to_http_1_0(probe: Probe, file: Path) -> None:
    """An HTTP/1.0 client gets the file too."""
    answer = probe.ask(request(f"/pathsend?path={quote(str(file))}", version="1.0"))
    assert answer.body == file.read_bytes()


def test_pathsend_to_head(probe: Probe, file: Path) -> None:
    """HEAD gets the fields and nothing of the file."""
    path, size = quote(str(file)), file.stat().st_size
    with probe.connect() as client:
        head = request(f"/pathsend?path={path}&length={size}", method="HEAD")
        client.send(head + request())
        assert client.read_answer(method="HEAD").field("content-length") == str(size)
        assert client.read_answer().body == b"hello"


@pytest.mark.parametrize("path", ["/no/such/file", "/", "relative"])
def test_pathsend_of_what_cannot_be_sent(probe: Probe, path: str) -> None:
    """A file that cannot be sent gives a 500, and the server goes on."""
    assert probe.get(f"/pathsend?path={quote(path)}").status == 500
    assert probe.get("/").body == b"hello"


def test_pathsend_of_a_file_shorter_than_declared(probe: Probe, tmp_path: Path) -> None:
    """A declared length that the file does not fill never ends as if it were whole."""
    path = tmp_path / "short"
    path.write_bytes(b"short")
    with probe.connect() as client:
        client.send(request(f"/pathsend?path={quote(str(path))}&length=10"))
        rest = client.read_to_end()
    assert b" 500 " in rest.partition(b"\r\n")[0] or rest.endswith(b"\r\n\r\nshort")


def test_pathsend_to_a_client_that_leaves(probe: Probe, tmp_path: Path) -> None:
    """A client that leaves in the midst of a file ends the sending, without a word in the log."""
    path = tmp_path / "large"
    with path.open("wb") as large:
        large.truncate(256 * 1_048_576)
    name, mark = fresh_name(), probe.mark()
    with probe.connect(receive_buffer=4096) as client:
        client.send(request(f"/pathsend?path={quote(str(path))}&name={name}"))
        assert client.read_head().status == 200
        client.reset()
    assert probe.notes(name, until="refused") == ["refused"]
    assert probe.said_since(mark) == ""
