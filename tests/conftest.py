"""Settings for all the tests; no fixtures."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

# The same examples on every run and no bound on speed: a test that fails, fails for its reason
# and fails again. Searching with fresh examples is the work of the fuzz targets.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


# A shell ignores SIGINT for what it starts in the background, and nohup ignores SIGHUP. The
# programs under test would inherit that, and would be right not to listen.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Keep coverage, where it is measured, to the processes that run tests."""
    if hasattr(config, "workerinput") or not config.getoption("tx", None):
        os.environ.pop("COVERAGE_PROCESS_START", None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what coverage has seen: this process is killed if it takes its time to end."""
    coverage = sys.modules.get("coverage")
    measuring = coverage.Coverage.current() if coverage is not None else None
    if measuring is not None and hasattr(session.config, "workerinput"):
        measuring.stop()
        measuring.save()
