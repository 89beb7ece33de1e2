"""Damaged conversations: each ends as events or as one typed error, and disturbs nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tracemalloc
from collections.abc import Callable

import pytest
from mutations import mutations
from network.wire import drive, listening
from wyoming.event import Event, write_event

from satellite.core.errors import ProtocolError
from satellite.network.frame import HEADER_BYTES
from satellite.network.protocol import Received, read_event

SOUND = {"rate": 22_050, "width": 2, "channels": 1, "timestamp": 0}


def conversation(*events: tuple[str, dict[str, object]]) -> bytes:
    written = io.BytesIO()
    for kind, data in events:
        write_event(Event(kind, data, bytes(256) if kind == "audio-chunk" else None), written)
    return written.getvalue()


# What Home Assistant really sends, in its order.
SEEDS = (
    conversation(("describe", {})),
    conversation(("run-satellite", {}), ("describe", {}), ("ping", {"text": None})),
    conversation(
        ("run-satellite", {}),
        ("transcribe", {"language": "en"}),
        ("voice-started", {"timestamp": 800}),
        ("voice-stopped", {"timestamp": 2_400}),
        ("transcript", {"text": "turn on the light"}),
        ("synthesize", {"text": "Done", "voice": {"language": "en"}}),
        ("audio-start", SOUND),
        ("audio-chunk", SOUND),
        ("audio-chunk", SOUND),
        ("audio-stop", {"timestamp": None}),
    ),
    conversation(("run-satellite", {}), ("error", {"text": "no text", "code": "stt-no-text-recognized"})),
    conversation(
        ("timer-started", {"id": "a", "total_seconds": 5, "name": "tea", "start_seconds": 5}),
        ("timer-updated", {"id": "a", "is_active": False, "total_seconds": 4}),
        ("timer-finished", {"id": "a"}),
        ("timer-cancelled", {"id": "b"}),
    ),
    conversation(("pause-satellite", {})),
)


async def read_all(reader: asyncio.StreamReader) -> list[Received]:
    """All events before the end or the first error that is ours to raise."""
    events = []
    with contextlib.suppress(ProtocolError):
        while (event := await read_event(reader)) is not None:
            events.append(event)
    return events


async def whole(data: bytes) -> list[Received]:
    reader = asyncio.StreamReader(limit=HEADER_BYTES)
    reader.feed_data(data)
    reader.feed_eof()
    return await read_all(reader)


async def in_bytes(data: bytes) -> list[Received]:
    """The reader is woken for every single byte."""
    reader = asyncio.StreamReader(limit=HEADER_BYTES)
    reading = asyncio.create_task(read_all(reader))
    for at in range(len(data)):
        reader.feed_data(data[at : at + 1])
        await asyncio.sleep(0)
    reader.feed_eof()
    return await reading


def test_the_seeds_are_understood() -> None:
    async def story() -> None:
        assert [len(await whole(seed)) for seed in SEEDS] == [1, 3, 10, 2, 4, 1]

    drive(story())


@pytest.mark.parametrize(
    ("count", "pieces"),
    [(2_000, 100), pytest.param(100_000, 5_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
def test_damaged_conversations_give_events_or_one_error_in_any_pieces(
    count: int, pieces: int, show: Callable[[str], None]
) -> None:
    async def story() -> None:
        for data in mutations(SEEDS, count, seed=count):
            await whole(data)
        for data in mutations(SEEDS, pieces, seed=count + 1):
            assert repr(await in_bytes(data)) == repr(await whole(data))

    drive(story(), within_s=900)
    show(f"fuzz: {count:,} damaged conversations read whole, {pieces:,} others byte by byte as well")


@pytest.mark.parametrize("count", [200, pytest.param(5_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_damaged_peers_neither_stop_the_server_nor_make_it_grow(count: int, show: Callable[[str], None]) -> None:
    async def story() -> None:
        async with listening() as bench:
            tracemalloc.start()
            grown = 0
            for number, data in enumerate(mutations(SEEDS, count, seed=count + 2)):
                async with await bench.peer() as peer:
                    with contextlib.suppress(ConnectionError):
                        peer.writer.write(data)
                        await peer.writer.drain()
                bench.posted.clear()
                if number % (count // 4) == count // 4 - 1:
                    async with await bench.peer() as honest:
                        await honest.ask("describe", "info")
                    if not grown:
                        grown = tracemalloc.get_traced_memory()[0]
            assert tracemalloc.get_traced_memory()[0] - grown < 512 * 1024
            tracemalloc.stop()
            await bench.until(lambda: len(bench.server.statistics().connections) <= 1)

    drive(story(), within_s=900)
    show(f"fuzz: {count:,} damaged peers of a running server")
