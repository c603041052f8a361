"""The transport over a socket: it keeps the contract of asyncio's own, and begins at once."""

import asyncio
import contextlib
import errno
from typing import override

import pytest

from serverkit_worker.readers import Readers
from serverkit_worker.socket_transport import HIGH_WATER_BYTES, LARGE_READ_BYTES, READ_BYTES
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
    transport_of,
    until,
)


def test_what_is_here_is_read_at_once(pair: Pair) -> None:
    """Before `start` returns; and the loop need not watch a connection that ends with it."""

    class Once(Noting):
        @override
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.write(b"answer")
            self.transport.close()

    async def scene() -> None:
        client, server = pair
        loop, protocol = asyncio.get_running_loop(), Once()
        client.send(b"request")
        transport_of(server, protocol).start()
        assert protocol.told == ["made", "data"]
        assert protocol.received == b"request"
        assert not loop.remove_reader(server.fileno())  # It was not there.
        assert await received(client) == b"answer"
        assert protocol.lost == [None]

    assert not run(scene)


def test_what_comes_later_is_handed_on(begin: Begin, pair: Pair) -> None:
    """As it comes, over and over."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin, pair, protocol) as transport:
            assert transport.is_reading()
            for number in range(1, 4):
                client.send(b"abc")
                await until(lambda length=3 * number: len(protocol.received) == length)  # type: ignore[misc]
            assert protocol.told == ["made", *["data"] * 3]

    assert not run(scene)


def test_who_sends_much_is_read_in_larger_pieces(pair: Pair) -> None:
    """Little is asked for at first, and more once a client has sent that much."""

    class Sizing(Noting):
        @override
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            sizes.append(len(data))

    async def scene() -> None:
        client, protocol = pair[0], Sizing()
        async with begun(begin_ours, pair, protocol) as transport:
            transport.pause_reading()
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += client.send(BIG)
            transport.resume_reading()
            await until(lambda: len(protocol.received) == sent)

    sizes: list[int] = []
    assert not run(scene)
    assert sizes[0] == READ_BYTES
    assert READ_BYTES < sizes[1] <= LARGE_READ_BYTES


def test_behind_each_read_others_have_their_turn(begin: Begin, pair: Pair) -> None:
    """However much the client has sent: what small messages make of it can take long."""

    class Turning(Noting):
        @override
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            assert not self.reads_in_turn
            self.reads_in_turn += 1
            asyncio.get_running_loop().call_soon(self.end_turn)

        reads_in_turn = 0

        def end_turn(self) -> None:
            self.reads_in_turn = 0

    async def scene() -> None:
        client, protocol = pair[0], Turning()
        async with begun(begin, pair, protocol):
            sent = 0
            while sent < len(BIG):
                with contextlib.suppress(BlockingIOError):
                    sent += client.send(BIG[sent:])
                await asyncio.sleep(0)
            await until(lambda: len(protocol.received) == sent)

    assert not run(scene)


def test_a_connection_that_cannot_be_watched_ends(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It alone: the system has a limit for all that is watched."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "too much is watched")

    async def scene() -> None:
        protocol = Noting()
        async with begun(begin_ours, pair, protocol) as transport:
            assert transport.is_closing()
        assert isinstance(protocol.lost[0], OSError)

    monkeypatch.setattr(Readers, "add", refuse)
    assert not run(scene)


def test_nothing_is_read_while_reading_is_paused(begin: Begin, pair: Pair) -> None:
    """The kernel keeps it; pausing and resuming twice is once."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin, pair, protocol) as transport:
            transport.pause_reading()
            transport.pause_reading()
            client.send(b"abc")
            for _ in range(10):
                await asyncio.sleep(0)
            assert (protocol.told, transport.is_reading()) == (["made"], False)
            transport.resume_reading()
            transport.resume_reading()
            await until(lambda: protocol.received == b"abc")

    assert not run(scene)


def test_a_protocol_may_pause_before_anything_is_read(pair: Pair) -> None:
    """What is here already waits as well."""

    class Reluctant(Noting):
        @override
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.pause_reading()

    async def scene() -> None:
        client, protocol = pair[0], Reluctant()
        client.send(b"abc")
        async with begun(begin_ours, pair, protocol) as transport:
            await asyncio.sleep(0)
            assert not protocol.received
            transport.resume_reading()
            await until(lambda: protocol.received == b"abc")

    assert not run(scene)


@pytest.mark.parametrize("parts", [1, 3, 2_000])
def test_what_the_kernel_does_not_take_is_sent_later(begin: Begin, pair: Pair, parts: int) -> None:
    """Whole and in order; the protocol pauses above one mark, and resumes below another."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin, pair, protocol) as transport:
            if parts == 1:
                transport.write(BIG)
            else:
                transport.writelines([BIG[:1000]] * (parts - 1) + [BIG])
            transport.write(b"end")
            assert protocol.told == ["made", "pause"]
            assert transport.get_write_buffer_size() > HIGH_WATER_BYTES
            reading = asyncio.ensure_future(received(client))
            await until(lambda: protocol.told == ["made", "pause", "resume"])
            await until(lambda: not transport.get_write_buffer_size())
            transport.close()
            assert await reading == BIG[:1000] * (parts - 1) + BIG + b"end"

    assert not run(scene)


def test_closing_sends_what_is_unsent(begin: Begin, pair: Pair) -> None:
    """Then the connection ends; closing twice is closing once."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin, pair, protocol) as transport:
            transport.write(BIG)
            transport.close()
            transport.close()
            assert transport.is_closing()
            assert not transport.is_reading()
            assert len(await received(client)) == len(BIG)
            await until(lambda: bool(protocol.lost))
            assert protocol.lost == [None]

    assert not run(scene)


def test_aborting_throws_away_what_is_unsent(begin: Begin, pair: Pair) -> None:
    """Also behind a close."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin, pair, protocol) as transport:
            transport.write(BIG)
            transport.close()
            transport.abort()
            assert transport.get_write_buffer_size() == 0
            assert len(await received(client)) < len(BIG)

    assert not run(scene)


def test_what_is_written_after_the_end_goes_nowhere(pair: Pair) -> None:
    """Nobody fails for that."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin_ours, pair, protocol) as transport:
            transport.close()
            transport.write(b"in vain")
            transport.writelines([b"in", b"vain"])
            assert await received(client) == b""
            assert protocol.lost == [None]
            transport.write(b"in vain")
            transport.abort()

    assert not run(scene)


def test_who_is_connected_can_be_asked(begin: Begin, pair: Pair) -> None:
    """The socket, its names, and nothing of what is not known."""

    async def scene() -> None:
        client, server = pair
        async with begun(begin, pair, Noting()) as transport:
            assert transport.get_extra_info("sockname") == client.getpeername()
            assert transport.get_extra_info("peername") == client.getsockname()
            assert transport.get_extra_info("socket").fileno() == server.fileno()
            assert transport.get_extra_info("ssl_object") is None
            assert transport.get_extra_info("nothing", 7) == 7

    assert not run(scene)


def test_a_client_that_has_left_has_no_name(pair: Pair) -> None:
    """Nobody fails for that."""

    async def scene() -> None:
        client, protocol = pair[0], Noting()
        async with begun(begin_ours, pair, protocol) as transport:
            transport.pause_reading()
            reset(client)
            assert transport.get_extra_info("peername") is None

    assert not run(scene)


def test_another_protocol_may_go_on(begin: Begin, pair: Pair) -> None:
    """It is told all that happens from then on."""

    async def scene() -> None:
        client, first, second = pair[0], Noting(), Noting()
        await begin(pair[1], first)
        transport = first.transport
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        client.send(b"abc")
        await until(lambda: second.received == b"abc")
        transport.close()
        await until(lambda: bool(second.lost))
        assert first.told == ["made"]

    assert not run(scene)


def test_a_protocol_with_a_buffer_of_its_own_is_refused(pair: Pair) -> None:
    """It would never be called."""

    async def scene() -> None:
        async with begun(begin_ours, pair, Noting()) as transport:
            with pytest.raises(TypeError):
                transport.set_protocol(asyncio.BufferedProtocol())

    assert not run(scene)


def test_a_socket_that_blocks_is_made_not_to(begin: Begin, pair: Pair) -> None:
    """A read that waits would hold up everybody."""

    async def scene() -> None:
        pair[1].setblocking(True)  # noqa: FBT003  the standard library's signature
        async with begun(begin, pair, Noting()):
            assert pair[1].gettimeout() == 0

    assert not run(scene)
