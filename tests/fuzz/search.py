"""Checks properties over and over, with fresh examples, until one breaks or the time is over."""

import itertools
import sys
import time
from collections.abc import Callable

from hypothesis import HealthCheck, settings

EXAMPLES = 500


def search(properties: Callable[[], list[Callable[[], None]]], seconds: float) -> None:
    """Search until the time is over.

    Args:
        properties: Imports the properties and returns them. Settings are loaded before.
        seconds: For how long.
    """
    settings.register_profile(
        "search",
        database=None,
        deadline=1_000,
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("search")
    end = time.monotonic() + seconds
    for count, check in enumerate(itertools.cycle(properties())):
        if time.monotonic() > end:
            sys.stderr.write(f"nothing found in {count * EXAMPLES} examples\n")
            return
        check()
