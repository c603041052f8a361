"""Fixtures for pytest; pytest finds this module by the entry point `pytest11`."""
