"""A speaker for asyncio, on the virtual card."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from fakes_device import wait_until
from satcard.satcard import VirtualCards

from satellite.core.errors import DeviceBusy, DeviceLost, NotRunning, SamplesUnfit
from satellite.library.async_speaker import AsyncSpeaker
from satellite.library.speaker import Speaker

SOUND = (np.arange(24_000) % 7_919 + 1).astype(np.int16)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Every speaker that a test starts, it stops."""
    yield
    wait_until(lambda: "satellite-speaker" not in [thread.name for thread in threading.enumerate()])


def heard(cards: VirtualCards) -> np.ndarray:
    sound = cards.heard()
    return sound[sound != 0]


def test_every_sample_is_heard_once_in_order_and_to_the_end(cards: VirtualCards) -> None:
    async def main() -> None:
        async with await AsyncSpeaker.open(sample_rate=48_000) as speaker:
            for at in range(0, len(SOUND), 777):
                await speaker.write(SOUND[at : at + 777])
            assert speaker.is_playing
        assert not speaker.is_playing

    asyncio.run(main())
    assert np.array_equal(heard(cards), SOUND)


def test_a_cancelled_start_stops_nothing_that_another_task_started(cards: VirtualCards) -> None:
    async def main() -> None:
        speaker = AsyncSpeaker(device="satspk")
        first, second = asyncio.create_task(speaker.start()), asyncio.create_task(speaker.start())
        await asyncio.sleep(0)
        second.cancel()
        await first
        assert speaker.is_open
        await speaker.write(SOUND)
        await speaker.stop()

    asyncio.run(main())


def test_a_cancelled_drain_lets_the_sound_go_on(cards: VirtualCards) -> None:
    async def main() -> None:
        speaker = AsyncSpeaker(sample_rate=48_000)
        await speaker.start()
        await speaker.write(SOUND)
        draining = asyncio.create_task(speaker.drain())
        await asyncio.sleep(0)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        assert speaker.is_playing
        await speaker.drain()
        await speaker.stop()

    asyncio.run(main())
    assert np.array_equal(heard(cards), SOUND)


def test_writes_of_several_tasks_come_each_whole(cards: VirtualCards) -> None:
    async def main() -> None:
        async with await AsyncSpeaker.open(sample_rate=48_000, queue_ms=20) as speaker:
            await asyncio.gather(*(speaker.write(np.full(9_600, level, np.int16)) for level in (1, 2, 3)))

    asyncio.run(main())
    sound = heard(cards)
    assert sorted(set(sound.tolist())) == [1, 2, 3]
    assert np.count_nonzero(np.diff(sound)) == 2
    assert len(sound) == 3 * 9_600


def test_a_cancelled_write_that_waits_for_room_ends_at_once(cards: VirtualCards) -> None:
    async def main() -> None:
        async with await AsyncSpeaker.open(sample_rate=48_000, queue_ms=20) as speaker:
            writing = asyncio.create_task(speaker.write(np.full(480_000, 7, np.int16)))
            await asyncio.to_thread(wait_until, lambda: speaker.is_playing)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            await speaker.write(SOUND)

    asyncio.run(main())
    sound = heard(cards)
    assert np.array_equal(sound[-len(SOUND) :], SOUND)
    assert len(sound) < 480_000


def test_its_errors_are_those_of_its_twin(cards: VirtualCards) -> None:
    async def main() -> None:
        speaker = AsyncSpeaker(device="satspk", sample_rate=48_000)
        with pytest.raises(NotRunning):
            await speaker.write(SOUND)
        cards.openerr("speaker", 16)
        with pytest.raises(DeviceBusy):
            await speaker.start()
        cards.openerr("speaker", None)
        await speaker.start()
        with pytest.raises(SamplesUnfit):
            await speaker.write("text")  # type: ignore[arg-type]
        await speaker.write(SOUND)
        cards.unplug("speaker")
        with pytest.raises(DeviceLost):
            await speaker.drain()
        await speaker.close()

    asyncio.run(main())


def test_speakers_are_awaited_and_versions_are_not(cards: VirtualCards) -> None:
    assert "satspk" in [device.id for device in asyncio.run(AsyncSpeaker.output_devices())]
    assert AsyncSpeaker.version() == Speaker.version()


def test_it_has_every_method_of_its_twin() -> None:
    twin = {name for name in dir(Speaker) if not name.startswith("_")}
    ours = {name for name in dir(AsyncSpeaker) if not name.startswith("_")}
    assert ours - twin == {"open"}
    assert twin <= ours
    coroutines = {name for name in ours if inspect.iscoroutinefunction(getattr(AsyncSpeaker, name))}
    assert coroutines == {"open", "start", "stop", "close", "write", "drain", "output_devices"}
    assert repr(AsyncSpeaker()) == "Async" + repr(Speaker())
