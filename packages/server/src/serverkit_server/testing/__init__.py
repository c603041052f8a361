"""For the tests of applications: a real server, started and stopped by the test."""
