"""The end of a process in which something does not end."""

import subprocess
import sys

import pytest

BOUND_S = 60.0
CODE = """
import atexit, threading
from concurrent.futures import ThreadPoolExecutor
from serverkit_server.process_end import bound_end, end_process
{thread}
print("last words")
{end}
"""
STUCK = "threading.Thread(target=threading.Event().wait).start()"
DAEMON = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
ENDS = "threading.Thread(target=print, args=['ended']).start()"
IDLE = "ThreadPoolExecutor().submit(int).result()"


def run(thread: str, end: str) -> subprocess.CompletedProcess[str]:
    """Run a process that has such a thread and ends so."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE.format(thread=thread, end=end)],
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND_S,
    )


@pytest.mark.slow
@pytest.mark.parametrize("thread", [STUCK, DAEMON, ENDS, IDLE, ""])
def test_no_thread_holds_it_up(thread: str) -> None:
    """The process ends with its code and all that it has printed, whatever threads there are."""
    done = run(thread, "end_process(7)")
    assert (done.returncode, done.stderr) == (7, "")
    assert "last words" in done.stdout  # Two threads print: their line ends may change places.


@pytest.mark.slow
@pytest.mark.parametrize("thread", [DAEMON, ENDS, IDLE, ""])
def test_a_clean_end_within_its_bound_is_python_s_own(thread: str) -> None:
    """With all that runs at exit, also where a pool of threads was left open."""
    done = run(f"{thread}\natexit.register(print, 'at exit')", f"bound_end({BOUND_S})")
    assert (done.returncode, done.stderr) == (0, "")
    assert "last words" in done.stdout  # As above.
    assert "at exit" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stuck", "named"),
    [
        ("threading.Thread(target=threading.Event().wait, name='stuck').start()", "(stuck)"),
        ("atexit.register(threading.Event().wait)", "what runs at exit"),
    ],
)
def test_a_clean_end_that_takes_too_long_is_cut_off(stuck: str, named: str) -> None:
    """What holds it up is named, and nothing that was printed is lost."""
    done = run(stuck, "bound_end(0.1)")
    assert (done.returncode, done.stdout) == (1, "last words\n")
    assert f"{named} did not finish within 0.1 s (shutdown_timeout)" in done.stderr
