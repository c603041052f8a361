"""Searches for bytes that break the reading of WebSockets, with fresh examples each time.

    python -m tests.fuzz.websocket 600

runs the properties of tests/proto over and over for so many seconds (60 if not said). It stops at
the first example that breaks one, or that takes more than a second, and shows the smallest it
finds. What it finds becomes a vector in tests/conformance.
"""

import sys
from collections.abc import Callable

from tests.fuzz.search import search


def properties() -> list[Callable[[], None]]:
    """Return the properties, which take over the settings that are loaded now."""
    from tests.proto import test_websocket_differential, test_websocket_fuzz

    return [
        test_websocket_differential.test_with_and_without_the_fast_path,
        test_websocket_differential.test_how_it_is_cut_does_not_matter,
        test_websocket_differential.test_what_is_right_is_read_to_its_end,
        test_websocket_fuzz.test_frames,
        test_websocket_fuzz.test_deflated_nonsense,
        test_websocket_fuzz.test_extensions,
        test_websocket_fuzz.test_subprotocols,
        test_websocket_fuzz.test_sending_while_anything_comes,
    ]


if __name__ == "__main__":
    search(properties, float(sys.argv[1]) if len(sys.argv) > 1 else 60)
