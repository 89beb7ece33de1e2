"""A microphone for asyncio, on the virtual card."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path

import numpy as np
import pytest
from fakes_device import wait_until
from programs import SPEAK, command
from satcard.satcard import VirtualCards
from speech import model

from satellite.core.errors import (
    AlreadyRunning,
    DeviceDenied,
    DeviceLost,
    ModelNotFound,
    NotRunning,
    RateOutOfRange,
    ReadTimedOut,
)
from satellite.library.async_microphone import AsyncMicrophone
from satellite.library.chunks import Chunk
from satellite.library.microphone import Microphone

SOUND = (np.arange(16_000) % 7_919 + 1).astype(np.int16)


async def until(fact: object) -> None:
    """As wait_until, beside the loop."""
    await asyncio.to_thread(wait_until, fact)


def test_it_gives_the_chunks_of_its_synchronous_twin(cards: VirtualCards) -> None:
    async def main() -> list[bytes]:
        cards.say(SOUND)
        async with await AsyncMicrophone.open(frames_per_buffer=480) as mic:
            chunks = []
            async for chunk in mic:
                assert isinstance(chunk, bytes)
                chunks.append(chunk)
                if len(chunks) == 34:
                    break
            assert mic.is_open
        assert not mic.is_open
        return chunks

    chunks = asyncio.run(main())
    assert {len(chunk) for chunk in chunks} == {960}
    assert np.array_equal(np.frombuffer(b"".join(chunks), "<i2")[: len(SOUND)], SOUND)


def test_chunks_come_with_what_is_known_of_them(cards: VirtualCards) -> None:
    async def main() -> list[Chunk]:
        async with AsyncMicrophone(vad="energy", vad_threshold=0.0, as_ndarray=True) as mic:
            first = await mic.read_with_metadata(timeout_ms=10_000)
            chunks = [first] if first else []
            async for chunk in mic.aiter_with_metadata():
                assert (mic.is_speaking, mic.vad_score) == (True, chunk.vad_score)
                chunks.append(chunk)
                if len(chunks) == 3:
                    break
            return chunks

    chunks = asyncio.run(main())
    assert [chunk.sequence for chunk in chunks] == [0, 1, 2]
    assert all(isinstance(chunk.data, np.ndarray) and chunk.is_speaking for chunk in chunks)


def test_the_model_is_loaded_and_the_device_opened_beside_the_loop(cards: VirtualCards) -> None:
    model("silero_vad")
    # A child process tries the device first: that alone takes so long.
    cards.opendelay("mic", 300)

    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        mic = await AsyncMicrophone.open(vad="silero", device="satmic")
        ticking = asyncio.create_task(tick())
        await mic.start()
        ticking.cancel()
        assert await mic.read()
        await mic.stop()
        return ticks

    assert asyncio.run(main()) > 10


def test_a_missing_model_is_told_by_open() -> None:
    with pytest.raises(ModelNotFound, match=r"nowhere\.onnx"):
        asyncio.run(AsyncMicrophone.open(vad="silero", model_path="nowhere.onnx"))


def test_a_cancelled_read_is_cancelled_at_once_and_takes_no_chunk(cards: VirtualCards) -> None:
    async def main() -> list[int]:
        cards.stall("mic")
        async with await AsyncMicrophone.open() as mic:
            reading = asyncio.create_task(mic.read())
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            cards.go("mic")
            chunks = [await mic.read_with_metadata() for _ in range(3)]
            return [chunk.sequence for chunk in chunks if chunk]

    assert asyncio.run(main()) == [0, 1, 2]


def test_cancelled_again_and_again_no_chunk_is_missing(tmp_path: Path) -> None:
    raw = tmp_path / "said.raw"
    raw.write_bytes(SOUND.tobytes())

    async def main() -> list[int]:
        numbers: list[int] = []
        async with await AsyncMicrophone.open(
            frames_per_buffer=160, queue_chunks=200, device=f"command:{command(SPEAK, raw)}"
        ) as mic:
            while len(numbers) < 100:
                reading = asyncio.create_task(mic.read_with_metadata())
                await asyncio.wait([reading], timeout=0.0005)
                if not reading.cancel():
                    chunk = reading.result()
                    assert chunk
                    numbers.append(chunk.sequence)
                else:
                    await asyncio.wait([reading])
        return numbers

    assert asyncio.run(main()) == list(range(100))


def test_several_tasks_may_read_and_each_chunk_goes_to_one(cards: VirtualCards) -> None:
    async def main() -> list[int]:
        async with await AsyncMicrophone.open(frames_per_buffer=160) as mic:
            chunks = await asyncio.gather(*(mic.read_with_metadata() for _ in range(20)))
        return sorted(chunk.sequence for chunk in chunks if chunk)

    assert asyncio.run(main()) == list(range(20))


def test_a_stop_in_another_task_ends_the_iteration(cards: VirtualCards) -> None:
    async def main() -> list[object]:
        cards.stall("mic")
        mic = await AsyncMicrophone.open()
        await mic.start()

        async def listen() -> list[object]:
            return [chunk async for chunk in mic]

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        await mic.stop()
        await mic.close()
        return await listening

    assert asyncio.run(main()) == []


def test_a_cancelled_start_closes_the_device_again(cards: VirtualCards) -> None:
    async def main() -> None:
        cards.opendelay("mic", 200)
        mic = await AsyncMicrophone.open(device="satmic")
        starting = asyncio.create_task(mic.start())
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert not mic.is_open
        cards.opendelay("mic", 0)
        async with mic:
            assert await mic.read()

    asyncio.run(main())
    wait_until(lambda: "satellite-microphone" not in [thread.name for thread in threading.enumerate()])


def test_it_says_by_itself_that_the_device_is_gone(cards: VirtualCards) -> None:
    async def main() -> None:
        mic = await AsyncMicrophone.open(device="satmic")
        async with mic:
            assert await mic.read()
            cards.unplug("mic")
            await until(lambda: not mic.is_open)
            with pytest.raises(DeviceLost):
                async for _ in mic:
                    pass

    asyncio.run(main())


def test_its_errors_are_those_of_its_twin(cards: VirtualCards) -> None:
    async def main() -> None:
        with pytest.raises(RateOutOfRange):
            await AsyncMicrophone.open(sample_rate=999)
        mic = AsyncMicrophone(device="satmic")
        with pytest.raises(NotRunning):
            await mic.read()
        cards.openerr("mic", 13)
        with pytest.raises(DeviceDenied, match="usermod"):
            await mic.start()
        assert not mic.is_open
        cards.openerr("mic", None)
        async with mic:
            with pytest.raises(AlreadyRunning):
                await mic.start()
            cards.stall("mic")
            with pytest.raises(ReadTimedOut):
                while True:
                    await mic.read(timeout_ms=100)

    asyncio.run(main())


def test_devices_are_awaited_and_versions_are_not(cards: VirtualCards) -> None:
    assert "satmic" in [device.id for device in asyncio.run(AsyncMicrophone.input_devices())]
    assert AsyncMicrophone.version() == Microphone.version()


def test_it_has_every_method_of_its_twin() -> None:
    twin = {name for name in dir(Microphone) if not name.startswith("_")}
    ours = {name for name in dir(AsyncMicrophone) if not name.startswith("_")}
    assert twin - ours == {"iter_with_metadata"}
    assert ours - twin == {"aiter_with_metadata", "open"}
    coroutines = {name for name in ours if inspect.iscoroutinefunction(getattr(AsyncMicrophone, name))}
    assert coroutines == {"open", "start", "stop", "close", "read", "read_with_metadata", "input_devices"}
    assert repr(AsyncMicrophone()) == "Async" + repr(Microphone())
