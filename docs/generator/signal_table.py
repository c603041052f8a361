"""The table of signals in docs/guides/reload.md, from the table in the code."""

from docs.generator.parts import table
from serverkit_supervisor.signals import SIGNAL_COMMANDS


def signal_table() -> str:
    """What each signal asks for."""
    return table(("signal", "what happens"), ((row.signal, row.help) for row in SIGNAL_COMMANDS))
