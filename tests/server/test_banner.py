"""The banner."""

import io
import json
import os
import platform
import sys
from collections.abc import Sequence
from typing import Literal

import pytest

from serverkit_server.banner import print_banner
from serverkit_server.config import ServerConfig
from serverkit_server.gil import is_gil_enabled
from serverkit_server.worker_plan import WorkerPlan

SINGLE = WorkerPlan(place="single", count=1, is_free=True)


def banner_of(
    monkeypatch: pytest.MonkeyPatch,
    log_format: Literal["text", "json"],
    plan: WorkerPlan = SINGLE,
    worker_pids: Sequence[int] = (),
) -> str:
    """Print a banner and give what was written to standard error."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    print_banner(
        ServerConfig(http1="h11"),
        ["http://127.0.0.1:8000", "unix:/run/a.sock"],
        plan=plan,
        worker_pids=worker_pids,
        version="1.2.3",
        app="a:b",
        loop="uvloop",
        log_format=log_format,
    )
    return stderr.getvalue()


def test_tells_people_all_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """The banner names version, addresses, application, loop, protocols, Python and process."""
    text = banner_of(monkeypatch, "text")
    gil = "on" if is_gil_enabled() else "off"
    for fact in (
        *("serverkit 1.2.3", "http://127.0.0.1:8000", "unix:/run/a.sock", "a:b", "uvloop loop"),
        *("HTTP/1.1 (h11), WebSocket", platform.python_version(), f"GIL {gil}", str(os.getpid())),
    ):
        assert fact in text


def test_tells_programs_the_same_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON the banner is one line with the keys of the contract."""
    text = banner_of(monkeypatch, "json")
    assert text.count("\n") == 1
    facts = json.loads(text)
    assert facts.pop("ts").endswith("Z")
    assert facts == {
        "level": "info",
        "event": "startup",
        "version": "1.2.3",
        "python": platform.python_version(),
        "free_threaded": not is_gil_enabled() or "free-threading" in sys.version,
        "gil": is_gil_enabled(),
        "url": "http://127.0.0.1:8000",
        "urls": ["http://127.0.0.1:8000", "unix:/run/a.sock"],
        "redirect_urls": [],
        "tls": "",
        "pid": os.getpid(),
        "workers": 1,
        "worker_mode": "single (async)",
        "worker_mode_reason": "",
        "worker_pids": [],
        "loop": "uvloop",
        "protocols": ["HTTP/1.1 (h11)", "WebSocket"],
        "app": "a:b",
    }


def test_is_silent_without_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without standard error starts all the same."""
    monkeypatch.setattr(sys, "stderr", None)
    print_banner(
        ServerConfig(),
        ["unix:a"],
        plan=SINGLE,
        worker_pids=[],
        version="1",
        app="a:b",
        loop="asyncio",
        log_format="text",
    )


def test_tells_of_several_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many workers there are, where, why there, and which processes stands in both forms."""
    plan = WorkerPlan(place="process", count=3, is_free=True, reason="The GIL is on: a reason.")
    text = banner_of(monkeypatch, "text", plan, [11, 12, 13])
    for fact in ("3, process (async)", "The GIL is on: a reason.", "processes 11, 12, 13"):
        assert fact in text
    facts = json.loads(banner_of(monkeypatch, "json", plan, [11, 12, 13]))
    assert (facts["workers"], facts["worker_mode"]) == (3, "process (async)")
    assert facts["worker_mode_reason"] == "The GIL is on: a reason."
    assert facts["worker_pids"] == [11, 12, 13]
