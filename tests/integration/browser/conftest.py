"""One server and one browser for each way to serve; the browser opens the page of facts."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.browser import INSTALL, Browser, find_browser
from tests.support.server_process import ServerProcess

APP = "tests.integration.browser.page_app:app"
LIMIT = ("--websocket-max-message-size", "2000000")
PINGS = ("--websocket-ping-interval", "0.05")  # so that some come between all the rest
PAGE_S = 120.0
"""How long all facts together may take on a busy machine."""
WAYS = {
    "ws": ("--workers", "2", "--worker-mode", "process"),
    "ws-uncompressed": ("--workers", "2", "--worker-mode", "thread", "--no-websocket-compression"),
    "wss": ("--workers", "2", "--worker-mode", "thread"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that finds facts about a server's WebSockets, in a browser."""

    server: ServerProcess
    browser: Browser
    way: str

    def fact(self, name: str) -> Any:  # noqa: ANN401
        """Return what the page found, once it has found it."""
        return self._told("fact", name)

    def ending(self, name: str) -> object:
        """Return code and reason that the application was told for the socket of that name."""
        return self._told("ending", name)

    def _told(self, kind: str, name: str) -> object:
        pattern = rf"(?m)^{kind} {re.escape(name)} (.*) end$"
        try:
            found = self.server.wait_for_output(pattern, within_s=PAGE_S)
        except AssertionError as missing:
            missing.add_note(f"the browser says:\n{self.browser.output[-4000:]}")
            raise
        told: object = json.loads(found[1])
        return told


@pytest.fixture(scope="module", params=WAYS)
def page(
    request: pytest.FixtureRequest,
    tls_flags: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    """Return a page whose browser looks for facts one after the other."""
    path = find_browser()
    if path is None:
        pytest.skip(f"NO CHROMIUM IS INSTALLED; {INSTALL} does it")
    way: str = request.param
    flags = (*LIMIT, *PINGS, *WAYS[way], *(tls_flags if way == "wss" else ()))
    profile = tmp_path_factory.mktemp("browser") / "profile"
    with (
        ServerProcess(APP, "--no-access-log", *flags) as server,
        Browser(path, profile, f"{server.url}/page.html") as browser,
    ):
        yield Page(server=server, browser=browser, way=way)
    assert server.wait() == 0
    assert not server.complaints()
