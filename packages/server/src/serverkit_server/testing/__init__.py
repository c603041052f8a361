"""For the tests of applications: a real server, started and stopped by the test."""

from serverkit_server.testing.in_thread import TestServer, serve

__all__ = ("TestServer", "serve")
