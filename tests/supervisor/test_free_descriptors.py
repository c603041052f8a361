"""Knowing whether there is room for descriptors."""

import os

import pytest

from serverkit_supervisor import free_descriptors
from serverkit_supervisor.free_descriptors import FreeDescriptors


def test_each_descriptor_counts() -> None:
    """Opening some leaves as many fewer."""
    before = free_descriptors.free_descriptors()
    opened = [os.dup(0) for _ in range(5)]
    after = free_descriptors.free_descriptors()
    for descriptor in opened:
        os.close(descriptor)

    assert before - after == 5


@pytest.mark.parametrize("size", [None, 0])
def test_they_are_counted_where_the_folder_has_no_size(
    monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    """On an older kernel, or another system."""
    expected = free_descriptors.free_descriptors()
    if size is None:
        monkeypatch.setattr("sys.platform", "other")
    else:
        monkeypatch.setattr("pathlib.Path.stat", lambda _: os.stat_result([0] * 10))

    # The listing itself takes one.
    assert free_descriptors.free_descriptors() in {expected, expected - 1}


def test_without_one_to_look_with_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking needs a descriptor where the folder has no size."""

    def fail(_: object) -> None:
        raise OSError

    monkeypatch.setattr("pathlib.Path.stat", fail)

    assert free_descriptors.free_descriptors() == 0


class Measured:
    """Counts how often it was looked."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.looks = 0

    def __call__(self) -> int:
        self.looks += 1
        return self.free


def test_it_is_rarely_looked_where_there_is_much_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of what was free can be taken before the next look."""
    measured = Measured(free=4000)
    monkeypatch.setattr(free_descriptors, "free_descriptors", measured)
    free = FreeDescriptors()

    for _ in range(969):
        assert free.have_room_for(32)
        free.took(1)
    looks = measured.looks
    assert free.have_room_for(32)

    assert (looks, measured.looks) == (1, 2)


@pytest.mark.parametrize(("free", "room"), [(31, False), (32, True), (33, True)])
def test_it_is_looked_each_time_where_there_is_little(
    monkeypatch: pytest.MonkeyPatch, free: int, *, room: bool
) -> None:
    """The answer is as exact as it can be."""
    measured = Measured(free)
    monkeypatch.setattr(free_descriptors, "free_descriptors", measured)
    free_now = FreeDescriptors()

    answers = [free_now.have_room_for(32) for _ in range(3)]

    assert answers == [room] * 3
    assert measured.looks == 3
