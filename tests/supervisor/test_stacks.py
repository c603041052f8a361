"""What threads are doing, as text."""

import threading

from serverkit_supervisor.stacks import stacks_of

BOUND_S = 60


def wait_here(inside: threading.Event, leave: threading.Event, depth: int = 0) -> None:
    """Wait, some calls deep."""
    if depth:
        wait_here(inside, leave, depth - 1)
        return
    inside.set()
    leave.wait(BOUND_S)


def waiting(name: str, leave: threading.Event, depth: int = 0) -> threading.Thread:
    """Start a thread, and return when it waits."""
    inside = threading.Event()
    thread = threading.Thread(target=wait_here, args=(inside, leave, depth), name=name)
    thread.start()
    assert inside.wait(BOUND_S)
    return thread


def test_the_stacks_of_threads() -> None:
    """All threads but the one that asks are shown, or those that are asked for, or all but one."""
    leave = threading.Event()
    threads = [waiting("first", leave), waiting("second", leave)]
    first = threads[0].ident
    assert first is not None
    try:
        everything = stacks_of()
        one = stacks_of((first,))
        others = stacks_of(but=first)
    finally:
        leave.set()
        for each in threads:
            each.join(BOUND_S)
    assert "Thread first (" in everything
    assert "Thread second (" in everything
    assert "MainThread" not in everything
    assert "in wait_here\n    leave.wait(BOUND_S)" in everything
    assert "Thread first (" in one
    assert "second" not in one
    assert "Thread first (" not in others
    assert "Thread second (" in others
    assert stacks_of((first,)) == ""


def test_a_deep_stack_is_shown_from_its_innermost_call() -> None:
    """Of a deep recursion the end is shown, not all of it."""
    leave = threading.Event()
    thread = waiting("deep", leave, depth=500)
    assert thread.ident is not None
    try:
        text = stacks_of((thread.ident,))
    finally:
        leave.set()
        thread.join(BOUND_S)
    assert "leave.wait(BOUND_S)" in text
    assert text.count("\n") < 200
