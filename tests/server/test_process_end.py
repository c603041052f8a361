"""The end of a process in which something does not end."""

import subprocess
import sys

import pytest

BOUND_S = 60.0
CODE = """
import threading
from serverkit_server.process_end import end_process
{thread}
print("last words")
end_process(7)
"""
STUCK = "threading.Thread(target=threading.Event().wait).start()"
DAEMON = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
ENDS = "threading.Thread(target=print, args=['ended']).start()"


@pytest.mark.slow
@pytest.mark.parametrize("thread", [STUCK, DAEMON, ENDS, ""])
def test_no_thread_holds_it_up(thread: str) -> None:
    """The process ends with its code and all that it has printed, whatever threads there are."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE.format(thread=thread)],
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND_S,
    )
    assert (done.returncode, done.stderr) == (7, "")
    assert "last words" in done.stdout  # Two threads print: their line ends may change places.
