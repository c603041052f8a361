"""What people build with frameworks works when served from the command line."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.probe import fresh_name
from tests.support.server_process import ServerProcess


def test_json(client: httpx.Client) -> None:
    """JSON goes in and comes out, beyond ASCII too."""
    sent = {"text": "Grüße, 世界", "numbers": [1, 2, 3]}
    response = client.post("/json", json=sent)
    assert (response.status_code, response.json()) == (200, {"got": sent})
    assert response.headers["content-type"].startswith("application/json")


def test_path_and_query(client: httpx.Client) -> None:
    """Parameters of path and query arrive decoded, repeated ones in order."""
    response = client.get("/items/42/a b ü", params={"tag": ["x y", "é&="]})
    assert response.json() == {"id": 42, "name": "a b ü", "tags": ["x y", "é&="]}


def test_form(client: httpx.Client) -> None:
    """The fields of an urlencoded form arrive decoded."""
    sent = {"user": "jo", "text": "a+b & c=ü"}
    assert client.post("/form", data=sent).json() == sent


@pytest.mark.parametrize("size", [0, 10, 2_000_000])
def test_file_upload(client: httpx.Client, size: int) -> None:
    """A file in a multipart form arrives whole."""
    content = bytes(index % 251 for index in range(size))
    response = client.post("/upload", files={"file": ("a.bin", content)}, data={"note": "n"})
    digest = hashlib.sha256(content).hexdigest()
    assert response.json() == {"filename": "a.bin", "sha256": digest, "note": "n"}


def test_streaming_response(client: httpx.Client) -> None:
    """A streamed response arrives whole, without a declared length, and the connection stays."""
    for _ in range(2):
        with client.stream("GET", "/stream", params={"lines": 500}) as response:
            assert "content-length" not in response.headers
            lines = list(response.iter_lines())
        assert lines == [f"line {number}" for number in range(500)]


def test_streaming_response_that_is_left(client: httpx.Client) -> None:
    """A client that leaves in the midst of a stream disturbs nobody."""
    with client.stream("GET", "/stream", params={"lines": 1_000_000}) as response:
        assert next(response.iter_lines()) == "line 0"
    assert client.get("/stream", params={"lines": 1}).text == "line 0\n"


def test_streaming_request(client: httpx.Client) -> None:
    """A chunked body is read piece by piece."""
    pieces = (b"x" * 100_000 for _ in range(20))
    assert client.post("/total", content=pieces).json() == {"size": 2_000_000}


def test_background_task(client: httpx.Client) -> None:
    """Work that the response does not wait for is done."""
    name = fresh_name()
    assert client.post(f"/background/{name}").status_code == 202
    assert client.get(f"/background/{name}").json() == {"done": True}


def test_lifespan_state(client: httpx.Client, framework: str) -> None:
    """What was made in the lifespan is there for requests."""
    if framework == "django":  # it has no lifespan; that it is served is the test
        assert client.get("/thread").status_code == 200
        return
    assert client.get("/state").json() == {"greeting": "from startup"}


def test_sync_endpoint(client: httpx.Client) -> None:
    """A sync endpoint runs in a thread."""
    assert client.get("/thread").json() == {"in_main_thread": False}


def test_exception(client: httpx.Client, server: ServerProcess) -> None:
    """An exception gives a 500 that tells nothing, is logged, and the server goes on."""
    response = client.get("/error")
    assert response.status_code == 500
    assert "told by the application" not in response.text
    server.wait_for_output("RuntimeError: told by the application")
    assert client.get("/thread").status_code == 200


def test_not_found_and_not_allowed(client: httpx.Client) -> None:
    """What the framework answers by itself arrives too."""
    assert client.get("/no/such/path").status_code == 404
    assert client.get("/json").status_code in {400, 405, 500}


def test_head(client: httpx.Client) -> None:
    """The fields of a response to HEAD, or the refusal of it, come without a body."""
    response = client.head("/thread")
    assert response.status_code in {200, 405}
    assert response.content == b""
    assert client.get("/thread").status_code == 200


def test_cookies(client: httpx.Client) -> None:
    """Fields that stand twice are sent twice."""
    response = client.get("/cookies")
    assert response.cookies["one"] == "1"
    assert response.cookies["two"] == "2"
    assert len(response.headers.get_list("set-cookie")) == 2


def test_many_at_a_time(new_client: Callable[[], httpx.Client]) -> None:
    """Requests of several connections at a time don't mix."""

    def answers(client: httpx.Client, number: int) -> bool:
        response = client.get(f"/items/{number}/x", params={"tag": [str(number)]})
        return bool(response.json() == {"id": number, "name": "x", "tags": [str(number)]})

    def ask(first: int) -> bool:
        with new_client() as client:  # One for each thread: they must not share any.
            return all(answers(client, number) for number in range(first, 200, 8))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))
