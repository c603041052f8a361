"""Every test here reads the bytes whole and one at a time, with the fast path and without it."""

from tests.conformance.rfc6455.conftest import fast, is_whole, read

__all__ = ("fast", "is_whole", "read")
