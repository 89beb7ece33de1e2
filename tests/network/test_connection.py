"""One connection: what queues, what overtakes, what is given up, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from network.wire import CHUNK, drive, listening

from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.network.connection import EVENTS_AT_ONCE, Ending
from satellite.network.server import Limits


def test_describe_and_ping_are_answered_while_the_server_does_not_read() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer(receive_bytes=4096) as server:
            await server.become_server()
            server.stop_reading()
            for _ in range(30):
                bench.server.tell(msg.MicAudio(bytes(32_000)))
            async with await bench.peer() as other:
                await other.ask("describe", "info")
                await other.ask("ping", "pong")
            assert bench.kinds() == [ev.ServerConnected]

    drive(story())


def test_a_pong_overtakes_the_sound_that_waits() -> None:
    async def story() -> int:
        async with listening() as bench, await bench.peer(receive_bytes=4096) as server:
            await server.become_server()
            server.stop_reading()
            for _ in range(1200):
                bench.server.tell(msg.MicAudio(bytes(1024)))
            await server.send("ping", {"text": "now"})
            await server.send("pong")
            await bench.settles(lambda: bench.server.statistics().connections[0].events_received == 4)
            server.go_on_reading()
            before = 0
            while (event := await server.read()) is not None and event.type != "pong":
                before += len(event.payload or b"")
            after = 0
            while before + after < 1200 * 1024:
                event = await server.read()
                assert event is not None
                after += len(event.payload or b"")
            return before

    # What the kernel and the transport already hold cannot be overtaken; of 1.2 MB that is less than half.
    assert drive(story()) < 600 * 1024


def test_a_server_that_takes_no_sound_is_given_up_when_forty_seconds_wait() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer(receive_bytes=4096) as server:
            await server.become_server()
            server.stop_reading()
            seconds = 0
            while ev.ServerLost not in bench.kinds():
                bench.server.tell(msg.MicAudio(bytes(32_000)))
                seconds += 1
            assert 40 <= seconds < 60
            lost = bench.posted[-1]
            assert isinstance(lost, ev.ServerLost)
            assert lost.reason.startswith("does not read: ")
            assert bench.server.statistics().unsent_bytes > 39 * 32_000, "what was dropped is counted"
            assert bench.endings() == {"does not read": 1}

    drive(story())


def test_a_peer_that_asks_for_ever_and_reads_nothing_is_given_up() -> None:
    async def story() -> None:
        async with listening(limits=Limits(others=16)) as bench, await bench.peer(receive_bytes=4096) as rude:
            rude.stop_reading()
            flood = b'{"type": "describe"}\n' * 100
            while not bench.endings():
                rude.writer.write(flood)
                await asyncio.sleep(0)
            assert bench.endings() == {"does not read": 1}
            async with await bench.peer() as other:
                await other.ask("describe", "info")

    drive(story())


def test_a_thousand_pings_in_one_piece_are_all_answered() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as peer:
            peer.writer.write(
                b"".join(b'{"type": "ping", "data": {"text": "%d"}}\n' % number for number in range(1000))
            )
            for number in range(1000):
                event = await peer.read()
                assert event is not None
                assert event.data == {"text": str(number)}

    drive(story())


@pytest.mark.parametrize("cut", [1, 40, 80, 120])
def test_a_connection_cut_in_the_middle_of_an_event_is_lost_and_the_next_one_served(cut: int) -> None:
    async def story() -> None:
        async with listening() as bench:
            async with await bench.peer() as server:
                await server.become_server()
                whole = b'{"type": "audio-chunk", "data_length": 40, "payload_length": 100}\n'
                server.writer.write((whole + bytes(200))[:cut])
                await server.writer.drain()
            await bench.posts(ev.ServerConnected, ev.ServerLost)
            async with await bench.peer() as again:
                await again.become_server()
            await bench.posts(ev.ServerConnected, ev.ServerLost, ev.ServerConnected, ev.ServerLost)

    drive(story())


def test_a_reset_connection_is_lost() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server:
            await server.become_server()
            linger = b"\1\0\0\0\0\0\0\0"  # close with RST
            server.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            server.writer.transport.abort()
            await bench.posts(ev.ServerConnected, ev.ServerLost)

    drive(story())


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"type": "x", "payload_length": 99999999999}\n',
        b"{" * 70_000,
        b'{"type":"audio-start","data":{"rate":1}}\n',
    ],
)
def test_what_is_not_wyoming_costs_its_sender_the_connection_and_nobody_else(rubbish: bytes) -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server, await bench.peer() as rude:
            await server.become_server()
            rude.writer.write(rubbish)
            assert await rude.gone()
            await server.ask("describe", "info")
            assert bench.kinds() == [ev.ServerConnected]
            assert bench.endings() == {"not Wyoming": 1}

    drive(story())


def test_a_server_that_breaks_the_protocol_is_lost_with_the_reason() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server:
            await server.become_server()
            server.writer.write(b"rubbish\n")
            await bench.posts(ev.ServerConnected, ev.ServerLost)
            lost = bench.posted[1]
            assert isinstance(lost, ev.ServerLost)
            assert lost.reason.startswith("not Wyoming: header is not JSON")

    drive(story())


def test_a_minute_of_speech_in_one_piece_is_passed_on_and_pings_are_answered_meanwhile() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server:
            await server.become_server()
            pcm = bytes(2048)
            for _ in range(60 * 44_100 // 2048):
                await server.send("audio-chunk", CHUNK, pcm)
            await server.ask("ping", "pong")
            assert sum(len(event.pcm) for event in bench.posted if isinstance(event, ev.AnswerAudio)) > 2_600_000

    drive(story())


def test_closing_gives_the_server_what_was_still_queued_and_posts_nothing() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server:
            await server.become_server()
            bench.server.tell(msg.MicStop())
            bench.server.tell(msg.Played())
            await bench.server.close()
            kinds = [event.type for event in (await server.read(), await server.read()) if event]
            assert kinds == ["audio-stop", "played"]
            assert await server.gone()
            assert bench.kinds() == [ev.ServerConnected]

    drive(story())


def test_closing_does_not_wait_for_a_server_that_does_not_read() -> None:
    async def story() -> None:
        async with listening(limits=Limits(close_s=0.05)) as bench, await bench.peer(receive_bytes=4096) as server:
            await server.become_server()
            server.stop_reading()
            for _ in range(30):
                bench.server.tell(msg.MicAudio(bytes(32_000)))
            # It never reads again: a close that waited for it would last for ever.
            async with asyncio.timeout(10.0):
                await bench.server.close()
            assert bench.server.statistics().connections == ()

    drive(story())


def test_a_peer_that_floods_us_with_events_or_crumbs_of_sound_is_given_up() -> None:
    async def story() -> None:
        for kind, data in (("ping", {}), ("audio-chunk", CHUNK)):
            async with listening() as bench, await bench.peer() as flood:
                await flood.become_server()
                with contextlib.suppress(ConnectionError):
                    for _ in range(3 * EVENTS_AT_ONCE):
                        await flood.send(kind, data, b"ab")
                await bench.posts(ev.ServerConnected, ev.ServerLost)
                assert bench.server.statistics().endings == {Ending.FLOODING: 1}

    drive(story())


def test_an_answer_of_five_minutes_at_once_is_no_flood() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server:
            await server.become_server()
            for _ in range(6_500):
                await server.send("audio-chunk", CHUNK, bytes(2048))
            await server.ask("ping", "pong")
            assert bench.server.statistics().endings == {}

    drive(story())
