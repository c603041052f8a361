"""How a transport over a socket ends, and what becomes of what is unsent."""

import asyncio
import socket
from typing import override

import pytest

from tests.worker.transports import (
    BIG,
    Begin,
    Noting,
    Pair,
    begin_ours,
    begun,
    received,
    reset,
    run,
    until,
)


@pytest.mark.parametrize("keeps_open", [True, False])
def test_a_client_may_end_its_direction(begin: Begin, pair: Pair, *, keeps_open: bool) -> None:
    """The protocol decides whether the other one goes on."""

    async def scene() -> None:
        client, protocol = pair[0], Noting(keeps_open=keeps_open)
        async with begun(begin, pair, protocol) as transport:
            client.send(b"last words")
            client.shutdown(socket.SHUT_WR)
            await until(lambda: "eof" in protocol.told)
            assert transport.is_closing() is not keeps_open
            if keeps_open:
                transport.write(b"answer")
                transport.close()
            assert await received(client) == (b"answer" if keeps_open else b"")
            assert protocol.told[:3] == ["made", "data", "eof"]

    assert not run(scene)


@pytest.mark.parametrize("body", [b"short", BIG])
def test_our_direction_may_end(begin: Begin, pair: Pair, body: bytes) -> None:
    """Behind all that was written; what the client sends is still read."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin, pair, protocol) as transport:
            assert transport.can_write_eof()
            transport.write(body)
            transport.write_eof()
            transport.write_eof()
            with pytest.raises(RuntimeError):
                transport.write(b"more")
            with pytest.raises(RuntimeError):
                transport.writelines([b"more", b"still"])
            assert await received(client) == body
            client.send(b"answer")
            await until(lambda: protocol.received == b"answer")

    assert not run(scene)


@pytest.mark.parametrize("what", ["made", "data", "eof"])
def test_a_protocol_that_fails_ends_its_connection_alone(pair: Pair, what: str) -> None:
    """The loop is told of it, and goes on."""

    async def scene() -> None:
        client, protocol = pair[0], Noting(fails_in=what)
        client.send(b"abc")
        client.shutdown(socket.SHUT_WR)
        async with begun(begin_ours, pair, protocol):
            await until(lambda: bool(protocol.lost))
            assert isinstance(protocol.lost[0], ZeroDivisionError)

    (complaint,) = run(scene)
    assert isinstance(complaint["exception"], ZeroDivisionError)


def test_a_protocol_may_fail_at_its_end(begin: Begin, pair: Pair) -> None:
    """Its socket is closed all the same."""

    async def scene() -> None:
        async with begun(begin, pair, Noting(fails_in="lost")):
            pair[0].close()

    (complaint,) = run(scene)
    assert isinstance(complaint["exception"], ZeroDivisionError)


def test_a_protocol_may_fail_when_it_resumes(begin: Begin, pair: Pair) -> None:
    """Its connection ends, whoever else the loop serves."""

    async def scene() -> None:
        client, protocol = pair[0], Noting(fails_in="resume")
        async with begun(begin, pair, protocol) as transport:
            transport.write(BIG)
            reading = asyncio.ensure_future(received(client))
            await until(lambda: "resume" in protocol.told)
            transport.close()
            await reading

    assert len(run(scene)) == 1


def test_a_protocol_may_close_when_it_resumes(pair: Pair) -> None:
    """It is told once that the connection is lost, after all is sent."""

    class Closing(Noting):
        @override
        def resume_writing(self) -> None:
            super().resume_writing()
            self.transport.close()

    async def scene() -> None:
        client, protocol = pair[0], Closing()
        async with begun(begin_ours, pair, protocol) as transport:
            transport.write(BIG)
            assert await received(client) == BIG

    assert not run(scene)


@pytest.mark.parametrize("how", ["read", "write", "writelines", "unsent"])
def test_a_client_that_resets_is_lost(begin: Begin, pair: Pair, how: str) -> None:
    """However it is noticed; nobody but the protocol is told."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin, pair, protocol) as transport:
            if how == "unsent":
                transport.write(BIG)
            if how != "read":
                transport.pause_reading()
            reset(client)
            while not protocol.lost:
                if how == "write":
                    transport.write(b"a")
                if how == "writelines":
                    transport.writelines([b"a", b"b"])
                await asyncio.sleep(0)
            assert isinstance(protocol.lost[0], ConnectionError)

    assert not run(scene)


def test_ending_our_direction_may_come_too_late(pair: Pair) -> None:
    """Who asks for it is told, where the client has reset the connection already."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin_ours, pair, protocol) as transport:
            transport.pause_reading()
            reset(client)
            with pytest.raises(OSError, match=r"not connected|no longer"):
                transport.write_eof()

    assert not run(scene)
