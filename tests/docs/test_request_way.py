"""The way of one request, as docs/design/architecture.md has it, is the way a request takes."""

import http.client
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

from examples.hello import app
from serverkit_server.testing import TestServer
from tests.docs.pages import ROOT
from tests.docs.processes import WAIT_S

PAGE = (ROOT / "docs" / "design" / "architecture.md").read_text("utf-8")
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| `(\w+)` \| [^|]+ \|$", re.MULTILINE)
LINK = re.compile(r"\[[\w.]+\]\(([^)]+)\)")
WATCHED = (str(ROOT / "packages"), str(ROOT / "examples"))


class Call(NamedTuple):
    """A call: who called, in which file, what; the caller is empty where it does not matter."""

    caller: str
    file: str
    function: str


def steps() -> list[Call]:
    """Read the rows of the page."""
    section = PAGE.partition("## The way of one request")[2].partition("\n## ")[0]
    return [_step(*found) for found in ROW.findall(section)]


def _step(caller: str, file: str, function: str) -> Call:
    link = LINK.search(file)
    path = (
        (ROOT / "docs" / "design" / link[1]).resolve() if link else Path(app.__code__.co_filename)
    )
    named = caller.strip("`")
    return Call("" if named in ("the loop", "-") else named, str(path), function)


def calls_of_one_request() -> list[Call]:
    """Serve one request and note every call of a function of ours."""
    seen: list[Call] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(WATCHED):
            caller = frame.f_back.f_code.co_name if frame.f_back else ""
            seen.append(Call(caller, file, frame.f_code.co_name))

    before = threading.getprofile()
    threading.setprofile(note)  # of threads that start from now on: that of the server
    try:
        with TestServer(app, access_log=True) as server:
            client = http.client.HTTPConnection(server.host, server.port, timeout=WAIT_S)
            with closing(client):
                client.request("GET", "/")
                assert client.getresponse().read()
    finally:
        threading.setprofile(before)
    return seen


def missing(wanted: list[Call], seen: list[Call]) -> Iterator[Call]:
    """Yield the steps that do not come behind the step before them."""
    at = 0
    for step in wanted:
        for number in range(at, len(seen)):
            call = seen[number]
            if call[1:] == step[1:] and step.caller in ("", call.caller):
                at = number + 1
                break
        else:
            yield step


@pytest.mark.skipif(sys.getprofile() is not None, reason="SOMEBODY ELSE PROFILES")
def test_a_request_takes_the_way_that_the_page_tells() -> None:
    """Each row is a call that happens, by the caller it names, after that of the row before."""
    wanted = steps()

    assert len(wanted) > 15
    assert list(missing(wanted, calls_of_one_request())) == []


def test_a_step_that_does_not_happen_is_seen() -> None:
    """Another order, another caller and another function are each missed."""
    seen = [Call("", "a.py", "one"), Call("one", "b.py", "two")]

    assert list(missing(seen, seen)) == []
    assert list(missing(seen[::-1], seen)) == [seen[0]]
    assert list(missing([Call("other", "b.py", "two")], seen)) == [Call("other", "b.py", "two")]
