"""What a test does with a server that runs the probe application."""

import json
import time
from itertools import count
from urllib.parse import urlencode

from tests.support.raw_client import Answer, ConnectionEnded, RawClient
from tests.support.server_process import WAIT_S, ServerProcess

_numbers = count()


def fresh_name() -> str:
    """Return a name no request had before."""
    return f"r{next(_numbers)}"


def request(path: str = "/", *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Return the head of a request with a Host and these further field lines."""
    lines = [f"{method} {path} HTTP/{version}", "Host: testing", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


class Probe:
    """Talks to one server that runs `tests.support.apps.probe`; owns no connection."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def connect(self, *, receive_buffer: int = 0) -> RawClient:
        """Return a new connection."""
        server = self.server
        return RawClient(server.address, receive_buffer=receive_buffer, trust=server.trust)

    def ask(self, data: bytes, *, method: str = "GET") -> Answer:
        """Send `data` on a connection of its own and return the answer."""
        with self.connect() as client:
            client.send_what_is_taken(data)
            return client.read_answer(method=method)

    def get(self, path: str, *fields: str) -> Answer:
        """Return the answer to GET on a connection of its own."""
        return self.ask(request(path, "Connection: close", *fields))

    def notes(self, name: str, until: str = "", count: int = 1) -> list[str]:
        """Return what the application noted, waiting for `until` to be there `count` times."""
        query = urlencode({"name": name, "until": until, "count": count})
        found: list[str] = json.loads(self.get(f"/journal?{query}").body)
        assert not until or found.count(until) >= count, f"{until} is missing in {found}"
        return found

    def open_gate(self, name: str) -> None:
        """Let the request of that name go on."""
        assert self.get(f"/open?name={name}").status == 200

    def mark(self) -> str:
        """Have a line written to the output; give it, once it is there."""
        name = fresh_name()
        assert self.get(f"/mark?name={name}").status == 200
        return self.server.wait_for_output(f"(?m)^mark {name}\n")[0]

    def said_since(self, mark: str) -> str:
        """Return what the server wrote between that mark and now."""
        end = self.mark()
        return self.server.output.partition(mark)[2].partition(end)[0]

    def calls(self) -> int:
        """Return how many requests have reached the application, questions about it apart."""
        return int(self.get("/calls").body)

    def until_served(self, path: str = "/") -> Answer:
        """Return the first answer to GET other than 503, asking again until it comes."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            try:
                answer = self.get(path)
            except (ConnectionEnded, ConnectionError):
                continue
            if answer.status != 503:
                return answer
        raise AssertionError("the server stays unavailable")
