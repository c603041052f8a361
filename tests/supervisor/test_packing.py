"""What the process of a worker is given at its start."""

import errno
import functools
import marshal
import os
import pickle
import sys
from typing import BinaryIO

import pytest

from serverkit_supervisor.notices import Ready
from serverkit_supervisor.packing import pack_work, write_payload
from serverkit_supervisor.payload import Payload, unpack_work
from tests.supervisor.process_workers import Acting, Waiting
from tests.supervisor.runs import Run, open_descriptors, spec_of


def read(file: BinaryIO) -> tuple[list[str], Payload]:
    """Read what the child reads."""
    path = marshal.load(file)
    payload = pickle.load(file)
    assert file.read() == b""
    return path, payload


def test_the_work_comes_as_it_was_packed() -> None:
    """Factory and state are the same again, and what they share stays one thing."""
    shared: list[object] = [1]
    factory = functools.partial(Acting, act=shared.append)
    unpacked, state = unpack_work(pack_work(factory, {"shared": shared}))
    assert isinstance(unpacked, functools.partial)
    assert unpacked.func is Acting
    assert state == {"shared": [1]}
    unpacked.keywords["act"](2)
    assert state["shared"] == [1, 2]


def test_the_payload_says_what_the_spec_says() -> None:
    """The file begins with the path; the worker's place follows."""
    spec = spec_of(Waiting, worker_id=3, generation=2, group="pool", alive_interval=0.5)
    with write_payload(spec, pack_work(Waiting, None)) as file:
        path, payload = read(file)
    assert path == sys.path
    assert (payload.worker_id, payload.generation, payload.group) == (3, 2, "pool")
    assert payload.alive_interval == 0.5
    assert payload.parent_pid == os.getpid()
    assert payload.sockets == ()
    assert payload.main is None
    assert unpack_work(payload.work) == (Waiting, None)


def test_things_on_the_path_that_are_no_text_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the import system ignores is not carried over."""
    monkeypatch.setattr(sys, "path", ["/a", object(), "/b"])
    with write_payload(spec_of(Waiting), pack_work(Waiting, None)) as file:
        assert read(file)[0] == ["/a", "/b"]


@pytest.mark.parametrize("missing", [True, False])
def test_systems_without_files_in_memory(monkeypatch: pytest.MonkeyPatch, *, missing: bool) -> None:
    """Where the system has no such files, or does not allow them, a temporary one does."""

    def refuse(name: str, flags: int) -> int:
        raise OSError(errno.EPERM, "not allowed")

    if missing:
        monkeypatch.delattr(os, "memfd_create")
    else:
        monkeypatch.setattr(os, "memfd_create", refuse)
    with Run(Waiting) as run:
        run.wait_for(Ready)
        assert run.drained().reason.expected


def test_a_disk_that_is_full_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file cannot be written, it is closed."""
    before = open_descriptors()

    def refuse(value: object) -> bytes:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(marshal, "dumps", refuse)
    with pytest.raises(OSError, match="no space left"):
        write_payload(spec_of(Waiting), b"")
    assert open_descriptors() == before
