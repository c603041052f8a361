"""Applications that break the rules: the client can always tell, and the server goes on."""

import re

import pytest

from tests.integration.conftest import Serve
from tests.support.apps.faulty import AFTER_END, AFTER_START, BEFORE_START
from tests.support.engines import ON_EVERY_ENGINE_AND_TLS, ON_ONE
from tests.support.probe import Probe, request
from tests.support.raw_client import ConnectionEnded

pytestmark = ON_EVERY_ENGINE_AND_TLS

APP = "tests.support.apps.faulty:app"


@pytest.mark.parametrize("fault", BEFORE_START)
def test_before_anything_was_sent_the_client_gets_500(faulty: Probe, fault: str) -> None:
    """One 500 with a code, nothing of what the application meant to inject, and no secrets."""
    with faulty.connect() as client:
        client.send(request(f"/before/{fault}"))
        answer = client.read_answer()
        rest = b"" if not answer.closes else client.read_to_end()
    assert (answer.status, rest) == (500, b"")
    assert (answer.field("x-serverkit-error-code") or "").startswith("SERVERKIT_")
    assert answer.field("x-injected") is None
    assert b"told" not in answer.body
    assert b"Traceback" not in answer.body
    assert faulty.get("/fine").body == b"body"


@pytest.mark.parametrize("fault", AFTER_START)
def test_in_the_midst_of_a_response_the_connection_is_cut(faulty: Probe, fault: str) -> None:
    """The response ends early where its length, or the last chunk, shows that it is not whole."""
    with faulty.connect() as client:
        client.send(request(f"/midst/{fault}", "TE: trailers"))
        if fault == "too-long":  # what fits the declared length may be sent, and nothing more
            head, _, body = client.read_to_end().partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert body in (b"body", b"bodybo")
        else:
            with pytest.raises(ConnectionEnded):
                client.read_answer()
    assert faulty.get("/fine").body == b"body"


@pytest.mark.parametrize("fault", AFTER_END)
def test_after_the_response_the_client_does_not_notice(faulty: Probe, fault: str) -> None:
    """A complete response stands, whatever the application does then."""
    with faulty.connect() as client:
        client.send(request(f"/end/{fault}"))
        answer = client.read_answer()
        assert (answer.status, answer.body) == (200, b"body")
    assert faulty.get("/fine").body == b"body"


@ON_ONE
@pytest.mark.parametrize("fault", ["before/raise", "midst/raise", "end/raise"])
def test_what_the_application_raises_is_logged_once(
    serve: Serve, engine: tuple[str, ...], fault: str
) -> None:
    """The log has method, path and the traceback, one time."""
    probe = Probe(serve(APP, *engine, "--no-access-log", "--log-format", "text"))
    with probe.connect() as client:
        client.send(request(f"/{fault}?q=1", "Connection: close"))
        client.read_to_end()
    found = probe.server.wait_for_output(r"RuntimeError: <b>told</b> & tried")
    assert probe.server.stop() == 0
    output = probe.server.output
    assert output.count("Traceback (most recent call last)") == 1
    assert output.count(found[0]) == 1
    assert re.search(rf"GET\b.*/{fault}", output)
    assert "tests/support/apps/faulty.py" in output


def test_returning_without_a_response_has_its_own_code(faulty: Probe) -> None:
    """An application that returned without a response is told apart from one that raised."""
    codes = [
        faulty.get(f"/before/{fault}").field("x-serverkit-error-code")
        for fault in ("nothing", "raise", "value-crlf")
    ]
    assert codes[0] == "SERVERKIT_APP_NO_RESPONSE"
    assert len(set(codes)) >= 2


@ON_ONE
class TestDebugPage:
    """What --debug shows; without it nothing is shown, see above."""

    def test_a_browser_gets_html(self, serve: Serve, engine: tuple[str, ...]) -> None:
        """The page has the error, escaped, and where it was raised."""
        probe = Probe(serve(APP, *engine, "--debug"))
        answer = probe.get("/before/raise?<script>", "Accept: text/html,*/*;q=0.8")
        assert answer.status == 500
        assert (answer.field("content-type") or "").startswith("text/html")
        assert b"RuntimeError" in answer.body
        assert b"&lt;b&gt;told&lt;/b&gt; &amp; tried" in answer.body
        assert b"<b>told" not in answer.body
        assert b"<script>" not in answer.body.partition(b"<body")[2].replace(b"<script>\n", b"")
        assert b"faulty.py" in answer.body

    @pytest.mark.parametrize("accept", ["*/*", "application/json", "text/plain, text/html;q=0.1"])
    def test_others_get_plain_text(
        self, serve: Serve, engine: tuple[str, ...], accept: str
    ) -> None:
        """Whoever does not prefer HTML reads the traceback as text."""
        probe = Probe(serve(APP, *engine, "--debug"))
        answer = probe.get("/before/raise", f"Accept: {accept}")
        assert answer.status == 500
        assert (answer.field("content-type") or "").startswith("text/plain")
        assert b"RuntimeError: <b>told</b> & tried" in answer.body
