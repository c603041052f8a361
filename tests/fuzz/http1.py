"""Searches for bytes that break the reading of HTTP/1, with fresh examples each time.

    python -m tests.fuzz.http1 600

runs the properties of tests/proto over and over for so many seconds (60 if not said). It stops at
the first example that breaks one, or that takes more than a second, and shows the smallest it
finds. What it finds becomes a vector in tests/conformance.
"""

import sys
from collections.abc import Callable

from tests.fuzz.search import search


def properties() -> list[Callable[[], None]]:
    """Return the properties, which take over the settings that are loaded now."""
    from tests.proto import test_differential, test_fuzz, test_splits

    return [
        test_fuzz.test_request_lines,
        test_fuzz.test_field_blocks,
        test_fuzz.test_chunks,
        test_fuzz.test_connections,
        test_splits.test_both_engines,
        test_differential.test_what_we_accept_h11_accepts,
    ]


if __name__ == "__main__":
    search(properties, float(sys.argv[1]) if len(sys.argv) > 1 else 60)
