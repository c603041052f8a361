"""The lines of the access log, for people and for machines."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverkit_worker.access_log_format import Client, JSONFormat, LineFormat, TextFormat

NOW_S = 1_795_157_456.4567  # 2026-11-20 06:50:56 UTC
CLIENT = ("127.0.0.1", 5432)
MALICIOUS = [b'"', b"\\", b"\x1b[2J", b"\r\n", b"\n{}", b"\0", b"\x7f", b"\x9b", b"\xff", b"'"]
ANYTHING = st.text() | st.binary()


def line(
    made_by: LineFormat,
    *,
    now_s: float = NOW_S,
    client: Client = CLIENT,
    method: str = "GET",
    target: bytes | str = b"/path?x=1",
    status: int = 200,
    duration_s: float = 0.00041,
) -> str:
    """The line of a common request, but for what is given."""
    return made_by.lines([(now_s, client, method, target, "1.1", status, 13, duration_s)])


def parsed(text: str) -> dict[str, Any]:
    """The object in a line, read by a strict reader."""
    fields: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return fields


def test_a_text_line_can_be_read_at_a_glance() -> None:
    """Time, client, request, status, bytes, duration."""
    assert line(TextFormat()) == (
        '2026-11-20 06:50:56Z 127.0.0.1:5432 "GET /path?x=1 HTTP/1.1" 200 13 0.4ms\n'
    )


@pytest.mark.parametrize(
    ("client", "text", "key"),
    [
        (None, "-", None),
        (("::1", 80), "[::1]:80", "[::1]:80"),
        (("fe80:1:2:3:4:5:6:7%lo", 1), "[fe80:1:2:3:4:5:6:7%lo]:1", "[fe80:1:2:3:4:5:6:7%lo]:1"),
        (("/run/client.sock", None), "/run/client.sock", "/run/client.sock"),
        (('evil\x1b"\n', 1), r"evil\x1b\"\x0a:1", 'evil\x1b"\n:1'),
    ],
)
def test_any_client_can_be_shown(client: Client, text: str, key: str | None) -> None:
    """Over TCP by host and port, over a unix socket by its path or not at all."""
    assert line(TextFormat(), client=client).split(" ")[2] == text
    assert parsed(line(JSONFormat(), client=client))["client"] == key


def test_what_is_percent_encoded_stays_so() -> None:
    """A request for /%1b%5b31m shows these very characters (CVE-2020-7694)."""
    target = b"/%1b%5b31m%0d%0a"

    assert '"GET /%1b%5b31m%0d%0a HTTP/1.1"' in line(TextFormat(), target=target)
    assert parsed(line(JSONFormat(), target=target))["path"] == "/%1b%5b31m%0d%0a"


@pytest.mark.parametrize("bad", MALICIOUS)
@pytest.mark.parametrize("where", ["target", "method"])
def test_no_raw_control_character_gets_into_a_text_line(bad: bytes, where: str) -> None:
    """Whatever comes in, the line is one line of printable ASCII with two bare quotes."""
    value: Any = b"/a" + bad + b"b" if where == "target" else "G" + bad.decode("latin-1") + "T"

    text = line(TextFormat(), **{where: value})

    assert text.endswith("\n")
    assert text[:-1].isascii()
    assert text[:-1].isprintable()
    assert text.replace("\\\\", "").replace('\\"', "").count('"') == 2


@given(target=ANYTHING, method=st.text(), host=st.text(), duration_s=st.floats())
def test_a_json_line_is_valid_whatever_comes(
    target: bytes | str, method: str, host: str, duration_s: float
) -> None:
    """It is one line of ASCII, and a strict reader gets back what was put in."""
    text = line(
        JSONFormat(), target=target, method=method, client=(host, None), duration_s=duration_s
    )
    fields = parsed(text)

    assert text.isascii()
    assert text.index("\n") == len(text) - 1
    assert fields["method"] == method
    assert fields["path"] == (target if isinstance(target, str) else target.decode("latin-1"))
    assert fields["client"] == host


def test_a_json_line_has_the_keys_of_the_contract() -> None:
    """Names, order and types are what machines rely on."""
    assert line(JSONFormat()) == (
        '{"ts":"2026-11-20T06:50:56.456Z","level":"info","method":"GET","path":"/path?x=1",'
        '"status":200,"bytes":13,"duration_ms":0.4,"client":"127.0.0.1:5432"}\n'
    )


def test_a_json_line_may_name_its_worker() -> None:
    """Worker 0 is named too."""
    assert parsed(line(JSONFormat(worker_id=0)))["worker"] == 0


@pytest.mark.parametrize(
    ("status", "level"), [(101, "info"), (200, "info"), (499, "info"), (500, "warn"), (599, "warn")]
)
def test_a_failure_of_the_server_is_a_warning(status: int, level: str) -> None:
    """From 500 on the level is warn."""
    assert parsed(line(JSONFormat(), status=status))["level"] == level


@pytest.mark.parametrize("duration_s", [math.nan, math.inf, -math.inf, -1.0])
def test_an_impossible_duration_is_shown_as_none(duration_s: float) -> None:
    """JSON has no word for infinity."""
    assert parsed(line(JSONFormat(), duration_s=duration_s))["duration_ms"] == 0


@pytest.mark.parametrize("made_by", [TextFormat(), JSONFormat()])
def test_the_stamp_follows_the_clock(made_by: LineFormat) -> None:
    """It is kept for a second only, also when the clock is set back."""
    times = [1_795_157_456.0, 1_795_157_456.999, 1_795_157_457.0, 1_795_157_455.5]

    seconds = [line(made_by, now_s=now_s).partition("06:50:")[2][:2] for now_s in times]

    assert seconds == ["56", "56", "57", "55"]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (101, "101\x1b[0m"),
        (200, "\x1b[32m200\x1b[0m"),
        (304, "\x1b[36m304\x1b[0m"),
        (404, "\x1b[33m404\x1b[0m"),
        (500, "\x1b[31m500\x1b[0m"),
    ],
)
def test_a_terminal_sees_the_class_of_a_status_by_its_colour(status: int, shown: str) -> None:
    """Only the status is coloured, and the colour ends with it."""
    plain = line(TextFormat(), status=status)

    assert line(TextFormat(colour=True), status=status) == plain.replace(
        f" {status} ", f" {shown} "
    )


@pytest.mark.parametrize("made_by", [TextFormat(), JSONFormat()])
def test_each_of_very_many_clients_has_its_own_name(made_by: TextFormat | JSONFormat) -> None:
    """What is remembered of clients is bounded, and never that of another one."""
    clients: list[Client] = [("10.0.0.1", port) for port in range(3000)]
    entries = [(NOW_S, client, "GET", b"/", "1.1", 200, 0, 0.0) for client in clients * 2]

    ports = [int(port) for port in re.findall(r"10\.0\.0\.1:(\d+)", made_by.lines(entries))]

    assert ports == [*range(3000), *range(3000)]
    assert len(made_by._names) < 2000
