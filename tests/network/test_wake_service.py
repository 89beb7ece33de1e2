"""A wake word service: what it is sent, what its words become, and that it can do no harm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from wyoming.event import Event, async_write_event

from satellite.core.events import Event as OurEvent
from satellite.core.events import RoomAudio, WakeDetected
from satellite.network import wake_service
from satellite.network.wake_service import WakeService

HOP = bytes(2_560)
PATIENCE_S = 10.0


class Peer:
    """The other end: it reads when it is told to, and says what it is told to."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.read = bytearray()
        self.reading = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        await self.reading.wait()
        while data := await reader.read(65_536):
            self.read += data

    async def says(self, kind: str, **data: object) -> None:
        await async_write_event(Event(kind, dict(data)), self.writers[-1])


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not fact():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)


def lived(story: Callable[[Peer, WakeService, list[OurEvent]], Awaitable[None]]) -> None:
    async def live() -> None:
        wakes: list[OurEvent] = []
        peer = Peer()
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        service = WakeService("127.0.0.1", server.sockets[0].getsockname()[1], ["computer"], wakes.append)
        service.start()
        try:
            await until(lambda: service.statistics().state == "listening" and peer.writers)
            await story(peer, service, wakes)
        finally:
            await service.close()
            server.close()
            for writer in peer.writers:
                writer.transport.abort()

    asyncio.run(live())


def heard(service: WakeService, count: int, begin: int = 0) -> None:
    for at in range(begin, begin + count * 1_280, 1_280):
        service.feed(RoomAudio(at, HOP))


def test_a_detection_becomes_a_wake_where_its_sound_was_and_one_within_2_s_does_not() -> None:
    async def story(peer: Peer, service: WakeService, wakes: list[OurEvent]) -> None:
        peer.reading.set()
        heard(service, 20)
        await until(lambda: service.statistics().sent_bytes == 20 * len(HOP))
        await peer.says("detection", name="computer", timestamp=1_000)
        await peer.says("detection", name="computer", timestamp=1_080)
        await until(lambda: service.statistics().refused)
        (wake,) = wakes
        assert isinstance(wake, WakeDetected)
        assert (wake.model, wake.at) == ("computer", 16_640)
        statistics = service.statistics()
        assert (statistics.detections, statistics.refused) == (1, 1)
        assert wake_service.REFRACTORY_S == 2
        assert statistics.latency_ms is not None
        await until(lambda: peer.read.count(b'"audio-start"') == 2)
        assert (peer.read.count(b'"detect"'), peer.read.count(b'"audio-stop"')) == (1, 0)

    lived(story)


def test_a_time_that_cannot_be_is_taken_for_now() -> None:
    async def story(peer: Peer, service: WakeService, wakes: list[OurEvent]) -> None:
        peer.reading.set()
        heard(service, 10, begin=1_280_000)
        await until(lambda: service.statistics().sent_bytes == 10 * len(HOP))
        await peer.says("detection", name=None, timestamp=1)
        await until(lambda: wakes)
        (wake,) = wakes
        assert isinstance(wake, WakeDetected)
        assert (wake.model, wake.at) == ("wake word", 1_280_000 + 12_800)

    lived(story)


def test_for_a_service_that_does_not_read_5_s_wait_and_the_oldest_is_dropped_and_counted() -> None:
    async def story(peer: Peer, service: WakeService, _wakes: list[OurEvent]) -> None:
        fed = 0
        while not service.statistics().dropped_bytes:
            heard(service, 100, fed)
            fed += 100 * 1_280
            await asyncio.sleep(0)
        statistics = service.statistics()
        assert statistics.waiting == 63
        assert statistics.sent_bytes + statistics.dropped_bytes + statistics.waiting * len(HOP) == 2 * fed

    lived(story)


def test_whatever_it_says_otherwise_is_ignored_and_nonsense_ends_the_connection_which_is_made_again() -> None:
    async def story(peer: Peer, service: WakeService, wakes: list[OurEvent]) -> None:
        peer.reading.set()
        for kind in ("info", "not-detected", "run-satellite", "pause-satellite", "transcript", "tomorrow"):
            await peer.says(kind)
        peer.writers[-1].write(b"no json\n")
        await until(lambda: service.statistics().connections == 2)
        assert wakes == []

    lived(story)


def test_one_that_hangs_up_at_once_is_tried_with_growing_pauses() -> None:
    async def story(peer: Peer, service: WakeService, _wakes: list[OurEvent]) -> None:
        times = []
        for count in range(1, 4):
            await until(lambda count=count: service.statistics().connections == count and len(peer.writers) == count)
            times.append(asyncio.get_running_loop().time())
            peer.writers[-1].transport.abort()
        # Half a second, then a whole one: a busy machine makes them longer, never shorter.
        assert times[1] - times[0] > 0.4
        assert times[2] - times[1] > 0.9

    lived(story)


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_what_is_no_name_of_a_machine_costs_a_line_and_is_tried_again(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def live() -> None:
        service = WakeService(host, 10_400, [], lambda _wake: None)
        service.start()
        await until(lambda: service.statistics().state == "lost")
        await service.close()

    asyncio.run(live())
    (line,) = caplog.messages
    assert line.startswith(f"the wake word service at {host}:10400 cannot be reached: that is no name of a machine")


def test_a_service_with_many_long_names_costs_one_line_that_can_be_read(caplog: pytest.LogCaptureFixture) -> None:
    models = [{"name": f"{number:060}"} for number in range(300)]
    known = json.dumps({"type": "info", "data": {"wake": [{"models": models}]}}).encode() + b"\n"

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(known)
        while await reader.read(65_536):
            pass
        writer.close()

    async def live() -> None:
        server = await asyncio.start_server(tell, "127.0.0.1", 0)
        service = WakeService("127.0.0.1", server.sockets[0].getsockname()[1], ["computer"], lambda _wake: None)
        service.start()
        await until(lambda: any("has no computer" in line for line in caplog.messages))
        await service.close()
        server.close()
        await server.wait_closed()

    asyncio.run(live())
    (line,) = (line for line in caplog.messages if "has no computer" in line)
    assert len(line) < 1_100
