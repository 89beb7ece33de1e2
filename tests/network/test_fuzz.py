"""Damaged conversations: each ends as events or as one typed error, and disturbs nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from mutations import mutations, without_growth
from network.wire import drive, listening
from wyoming.event import Event, write_event

from satellite.core.errors import ProtocolError
from satellite.network.frame import HEADER_BYTES
from satellite.network.protocol import Ignored, Received, read_event

SOUND = {"rate": 22_050, "width": 2, "channels": 1, "timestamp": 0}


# What Home Assistant 2026.11.0 and 2025.4.4 sent on a connection, one in a line: [type, data, bytes of sound], of more
# than two alike in a row the first two. Written down by the tap of docs/testing-with-home-assistant.md.
RECORDED = Path(__file__).parents[1] / "data" / "home_assistant.jsonl"
# The sound itself does not matter, and less of it leaves more room for damage elsewhere.
MOST_SOUND_BYTES = 256


def conversation(*events: tuple[str, dict[str, object], int]) -> bytes:
    written = io.BytesIO()
    for kind, data, sound_bytes in events:
        write_event(Event(kind, data, bytes(min(sound_bytes, MOST_SOUND_BYTES)) or None), written)
    return written.getvalue()


SEEDS = (
    *(conversation(*json.loads(line)) for line in RECORDED.read_text().splitlines()),
    # What was not recorded.
    conversation(("timer-updated", {"id": "a", "is_active": False, "total_seconds": 4}, 0)),
    conversation(("timer-cancelled", {"id": "b"}, 0)),
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
        heard = [await whole(seed) for seed in SEEDS]
        assert [len(events) for events in heard] == [1, 45, 22, 14, 60, 31, 1, 1]
        assert not [event for events in heard for event in events if isinstance(event, Ignored)]

    drive(story())


@pytest.mark.parametrize(
    ("count", "pieces"),
    [(2_000, 100), pytest.param(100_000, 5_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
def test_damaged_conversations_give_events_or_one_error_in_any_pieces(
    count: int, pieces: int, show: Callable[[str], None]
) -> None:
    async def story() -> None:
        for data in without_growth(mutations(SEEDS, count, seed=count), count):
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
