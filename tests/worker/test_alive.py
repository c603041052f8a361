"""Signs of life come from the loop, in regular intervals, where somebody waits for them."""

from serverkit_worker.alive import Heartbeat
from tests.worker.driving import advance, stepped, the_loop


@stepped
async def test_it_beats_from_its_start_to_its_end() -> None:
    """At once, then in each interval."""
    beats: list[float] = []
    loop = the_loop()
    start = loop.now
    with Heartbeat(loop, lambda: beats.append(loop.now - start), 2.0) as heartbeat:
        await advance(5)
        assert beats == []
        heartbeat.start()
        await advance(5)
    await advance(5)

    assert beats == [5, 7, 9]


@stepped
async def test_a_failing_listener_does_not_silence_it() -> None:
    """It is reported by the loop, and called again."""
    beats: list[float] = []
    reported: list[object] = []
    loop = the_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def alive() -> None:
        beats.append(loop.now)
        if len(beats) == 2:
            raise OSError("the channel is gone")

    with Heartbeat(loop, alive, 1.0) as heartbeat:
        heartbeat.start()
        await advance(3)

    assert len(beats) == 4
    assert [type(each) for each in reported] == [OSError]


@stepped
async def test_without_an_interval_there_is_nothing() -> None:
    """Neither a call nor a timer."""
    beats: list[None] = []
    with Heartbeat(the_loop(), lambda: beats.append(None), None) as heartbeat:
        heartbeat.start()
        await advance(100)
    assert beats == []
