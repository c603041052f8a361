"""Clients that send much by TLS at once, and the others on the same loop."""

import pytest

from tests.worker.driving import stepped, turns
from tests.worker.securing import Noting, SecureLine, noting
from tests.worker.tls_peer import TLSPeer

# What is read at once, in records of one byte each: they take a while.
MANY = 10_000
MOST_IN_A_TURN = 2_000


def flood(peer: TLSPeer) -> tuple[bytes, bytes]:
    """Return what a client says byte by byte, and all its records."""
    said = bytes(index % 251 for index in range(MANY))
    return said, b"".join(peer.encrypt(said[index : index + 1]) for index in range(MANY))


def heard(protocol: Noting) -> bytes:
    """Return what has come so far."""
    return b"".join(each for each in protocol.told if isinstance(each, bytes))


async def until_heard(line: SecureLine, protocol: Noting, size: int) -> int:
    """Wait until so much has come; return the most that came within one turn of the loop."""
    most = before = len(heard(protocol))
    while before < size:
        assert not line.carrier.reading
        await turns(1)
        now = len(heard(protocol))
        most, before = max(most, now - before), now
    return most


@stepped
async def test_others_have_their_turn_between_many_records() -> None:
    """However small they are: each costs as much as a large one."""
    line, _, protocol = noting()
    said, records = flood(line.peer)
    line.send_raw(records)
    assert await until_heard(line, protocol, MANY) <= MOST_IN_A_TURN
    await turns()
    assert heard(protocol) == said
    assert line.carrier.reading


@stepped
async def test_many_records_wait_while_reading_is_paused() -> None:
    """They are handed on when the protocol wants them, and not from within its own call."""
    line, transport, protocol = noting()
    said, records = flood(line.peer)
    line.send_raw(records)
    transport.pause_reading()
    before = heard(protocol)
    await turns()
    transport.resume_reading()
    assert heard(protocol) == before
    assert await until_heard(line, protocol, MANY) <= MOST_IN_A_TURN
    await turns()
    assert heard(protocol) == said
    assert line.carrier.reading


@stepped
async def test_what_comes_behind_many_records_comes_behind_them() -> None:
    """Such as the client's goodbye."""
    line, _, protocol = noting()
    said, records = flood(line.peer)
    line.send_raw(records + line.peer.goodbye())
    await until_heard(line, protocol, MANY)
    await turns()
    assert (heard(protocol), protocol.told[-1]) == (said, "eof")


@pytest.mark.parametrize("ends", ["close", "abort", "write_eof"])
@stepped
async def test_the_rest_of_many_records_is_not_decrypted_for_nobody(ends: str) -> None:
    """When the protocol has had enough it is told no more; what follows can still be read."""
    line, transport, protocol = noting()
    _, records = flood(line.peer)
    line.send_raw(records)
    getattr(transport, ends)()
    before = heard(protocol)
    await turns()
    assert heard(protocol) == before
    assert transport.is_closing() or line.carrier.reading


@stepped
async def test_a_record_that_is_broken_ends_what_came_before_it() -> None:
    """Also where it waits for its turn."""
    line, _, protocol = noting()
    said, records = flood(line.peer)
    line.send_raw(records + bytes(100))
    await until_heard(line, protocol, MANY)
    await turns()
    assert heard(protocol) == said
    assert line.ended == "aborted"
