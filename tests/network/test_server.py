"""The server over real sockets: who is served, who wins, who is given up."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time

import pytest
from network.wire import CHUNK, Bench, drive, listening, silence_passes
from wyoming.info import Info

from satellite.config import ServerConfig
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.errors import ServerError
from satellite.network import sockets
from satellite.network.protocol import SatelliteInfo
from satellite.network.server import Limits, Server
from satellite.network.trust import Trust

QUICK = Limits(silence_s=0.08, close_s=0.05)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_peer_that_only_asks_is_answered_and_nobody_else_hears_of_it(host: str) -> None:
    if host == "::1" and not sockets._has_ipv6():
        pytest.skip("this machine has no IPv6")

    async def story() -> None:
        async with listening(host=host) as bench, await bench.peer(host) as peer:
            info = Info.from_event(await peer.ask("describe", "info"))
            assert info.satellite is not None
            assert info.satellite.name == "Kitchen"
            assert (await peer.ask("ping", "pong", {"text": "x"})).data == {"text": "x"}
            assert bench.posted == []
            assert bench.server.statistics().server is None

    drive(story())


def test_all_addresses_are_served_on_one_port() -> None:
    async def story() -> None:
        async with listening(host="") as bench:
            for host in ["127.0.0.1", "::1"] if sockets._has_ipv6() else ["127.0.0.1"]:
                async with await bench.peer(host) as peer:
                    await peer.ask("describe", "info")

    drive(story())


def test_the_server_is_who_said_run_satellite_and_all_it_says_is_passed_on_in_order() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as peer:
            await peer.become_server()
            await peer.send("transcribe", {"language": "en"})
            await peer.send("transcript", {"text": "light on"})
            await peer.send("audio-start", {**CHUNK, "timestamp": 0})
            await peer.send("audio-chunk", {**CHUNK, "timestamp": 0}, b"abcd")
            await peer.send("an event of tomorrow")
            await peer.send("audio-stop", {"timestamp": None})
            await bench.posts(
                ev.ServerConnected, ev.Transcribing, ev.TranscriptReceived, ev.AnswerStarted, ev.AnswerEnded
            )
            assert [event.pcm for event in bench.posted if isinstance(event, ev.AnswerAudio)] == [b"abcd"]
            counted = bench.server.statistics().server
            assert counted is not None
            assert (counted.events_ignored, counted.sound_bytes_received) == (1, 4)

    drive(story())


def test_the_server_is_told_in_order_and_a_closed_one_is_lost() -> None:
    async def story() -> None:
        async with listening() as bench:
            async with await bench.peer() as peer:
                await peer.become_server()
                for message in (msg.Detection("alexa"), msg.RunPipeline(), msg.MicAudio(b"ab"), msg.MicAudio(b"")):
                    bench.server.tell(message)
                bench.server.tell(msg.MicStop())
                bench.server.tell(msg.Played())
                heard = [await peer.read() for _ in range(5)]
                kinds = [event.type for event in heard if event]
                assert kinds == ["detection", "run-pipeline", "audio-chunk", "audio-stop", "played"]
            await bench.posts(ev.ServerConnected, ev.ServerLost)
            assert bench.posted[1] == ev.ServerLost(1, "closed by the peer")
            bench.server.tell(msg.Played())
            assert bench.server.statistics().untold == 1

    drive(story())


def test_the_newest_server_wins_and_the_old_one_is_closed() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as old, await bench.peer() as new:
            await old.become_server()
            await new.become_server()
            assert await old.gone()
            connected, lost, again = bench.posted
            assert isinstance(connected, ev.ServerConnected)
            assert isinstance(lost, ev.ServerLost)
            assert isinstance(again, ev.ServerConnected)
            assert lost.connection == connected.connection != again.connection
            assert lost.reason == f"replaced by {again.peer}"
            bench.server.tell(msg.Played())
            event = await new.read()
            assert event is not None
            assert event.type == "played"

    drive(story())


def test_a_server_that_says_run_satellite_twice_is_connected_once() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as peer:
            await peer.become_server()
            await peer.become_server()
            assert bench.kinds() == [ev.ServerConnected]

    drive(story())


def test_peers_that_are_not_the_server_cannot_talk_to_the_conversation() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server, await bench.peer() as other:
            await server.become_server()
            for kind in ("transcribe", "audio-start", "audio-stop", "pause-satellite", "error", "timer-finished"):
                await other.send(kind)
            await other.ask("ping", "pong")
            assert bench.kinds() == [ev.ServerConnected]

    drive(story())


def test_one_connection_too_many_closes_the_oldest_and_never_the_server() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server:
            await server.become_server()
            idle = [await bench.peer() for _ in range(7)]
            await idle[-1].ask("ping", "pong")
            newest = await bench.peer()
            await newest.ask("describe", "info")
            assert await idle[0].gone()
            for peer in (*idle[1:], newest, server):
                await peer.ask("ping", "pong")
            counted = bench.server.statistics()
            assert len(counted.connections) == 8
            assert counted.endings == {"too many connections": 1}
            for peer in (*idle, newest):
                await peer.__aexit__()

    drive(story())


def test_a_server_that_answered_pings_and_falls_silent_is_lost() -> None:
    async def story() -> None:
        async with listening(limits=QUICK) as bench, await bench.peer() as server:
            await server.become_server()
            await bench.posts(ev.ServerConnected, ev.ServerLost)
            assert bench.posted[1] == ev.ServerLost(1, "silent for 0.08 s")
            assert await server.gone()

    drive(story())


def test_a_silent_server_is_pinged_and_its_pongs_keep_it() -> None:
    async def story() -> None:
        async with listening(limits=QUICK) as bench, await bench.peer() as server:
            await server.send("run-satellite")
            for _ in range(5):
                event = await server.read()
                assert event is not None
                assert event.type == "ping"
                await server.send("pong", {"text": event.data.get("text")})
            assert bench.kinds() == [ev.ServerConnected]

    drive(story())


def test_a_loop_that_was_held_up_does_not_blame_the_server() -> None:
    async def story() -> None:
        async with listening(limits=QUICK) as bench, await bench.peer() as server:
            await server.become_server()
            await server.send("ping")
            time.sleep(QUICK.silence_s * 3)  # noqa: ASYNC251  (a machine that slept)
            await server.ask("ping", "pong")
            assert bench.kinds() == [ev.ServerConnected]

    drive(story())


def test_a_server_that_knows_no_ping_is_kept() -> None:
    async def story() -> None:
        async with listening(limits=QUICK) as bench, await bench.peer() as server:
            await server.send("run-satellite")
            event = await server.read()
            assert event is not None
            assert event.type == "ping"
            await silence_passes(QUICK)
            assert bench.kinds() == [ev.ServerConnected]
            await server.ask("describe", "info")

    drive(story())


def test_a_server_that_paused_us_may_be_silent_is_told_nothing_and_comes_back_on_another_connection() -> None:
    async def story() -> None:
        async with listening(limits=QUICK) as bench, await bench.peer() as muted:
            await muted.become_server()
            await muted.send("pause-satellite")
            await bench.posts(ev.ServerConnected, ev.ServerPaused)
            bench.server.tell(msg.MicAudio(b"ab"))
            assert bench.server.statistics().untold == 1
            await silence_passes(QUICK)
            assert bench.kinds() == [ev.ServerConnected, ev.ServerPaused]
            async with await bench.peer() as back:
                await back.send("run-satellite")
                await bench.posts(ev.ServerConnected, ev.ServerPaused, ev.ServerLost, ev.ServerConnected)
                assert await muted.gone()

    drive(story())


def test_a_server_that_paused_us_may_resume_on_the_same_connection() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server:
            await server.become_server()
            await server.send("pause-satellite")
            await server.send("pause-satellite")
            await server.send("run-satellite")
            await server.ask("ping", "pong")
            assert bench.kinds() == [ev.ServerConnected, ev.ServerPaused, ev.ServerConnected]
            bench.server.tell(msg.Played())
            event = await server.read()
            assert event is not None
            assert event.type == "played"

    drive(story())


def test_who_may_not_connect_is_refused_and_a_line_says_which_setting(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with listening(allow=["192.0.2.9"]) as bench:
            for _ in range(20):
                async with await bench.peer() as stranger:
                    assert await stranger.gone()
            counted = bench.server.statistics()
            assert (counted.refused, counted.accepted) == (20, 0)

    with caplog.at_level(logging.WARNING):
        drive(story())
    assert len(caplog.messages) == 5
    assert "127.0.0.1" in caplog.messages[0]
    assert "server.allow" in caplog.messages[0]


def test_a_bad_entry_in_allow_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ServerError, match=r"server\.allow"):
        Server(ServerConfig(allow=("kitchen",)), SatelliteInfo("Hall", "1"), lambda _: None)


def test_a_bug_behind_the_server_ends_the_connection_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: ev.Event) -> None:
        if isinstance(event, ev.Transcribing):
            raise ZeroDivisionError

    async def story() -> None:
        server = Server(ServerConfig(host="127.0.0.1", port=0), SatelliteInfo("Hall", "1"), broken)
        await server.start()
        bench = Bench(server, [], asyncio.Event())
        async with await bench.peer() as peer:
            await peer.become_server()
            await peer.send("transcribe")
            assert await peer.gone()
        await server.close()

    drive(story())
    assert "a bug ended the connection" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_the_info_can_change() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as peer:
            await peer.ask("describe", "info")
            bench.server.describe_as(SatelliteInfo("Hall", "2"))
            info = Info.from_event(await peer.ask("describe", "info"))
            assert info.satellite is not None
            assert info.satellite.name == "Hall"

    drive(story())


def test_dropping_the_server_says_so_before_it_returns() -> None:
    async def story() -> None:
        async with listening() as bench, await bench.peer() as server:
            bench.server.drop("nobody there")
            await server.become_server()
            bench.server.drop("no answer")
            assert bench.posted[-1] == ev.ServerLost(1, "no answer")
            assert await server.gone()

    drive(story())


def test_the_server_alone_loads_neither_zeroconf_nor_the_list_of_interfaces() -> None:
    program = "import sys, satellite.network.server; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert not {"zeroconf", "ifaddr"} & set(loaded.stdout.split())


def test_who_only_sits_there_is_sent_away_and_the_server_is_not() -> None:
    async def story() -> None:
        limits = Limits(silence_s=2.0, idle_s=0.5)
        async with listening(limits=limits) as bench, await bench.peer() as idler, await bench.peer() as server:
            await server.become_server()
            assert await idler.gone()
            assert bench.server.statistics().endings == {"idle": 1}
            assert bench.kinds() == [ev.ServerConnected]

    drive(story())


@pytest.mark.parametrize(("allowed", "requests"), [(False, []), (True, [ev.ListenRequested])])
def test_only_the_server_can_make_us_listen_and_only_where_the_owner_lets_it(
    allowed: bool, requests: list[type[ev.Event]]
) -> None:
    async def story() -> None:
        async with (
            listening(remote_trigger=allowed) as bench,
            await bench.peer() as server,
            await bench.peer() as stranger,
        ):
            await server.become_server()
            for peer in (stranger, server):
                await peer.send("run-pipeline", {"start_stage": "asr", "end_stage": "tts"})
                await peer.ask("ping", "pong")
            assert bench.kinds() == [ev.ServerConnected, *requests]
            ignored = sum(peer.events_ignored for peer in bench.server.statistics().connections)
            assert ignored == 2 - len(requests)

    drive(story())


def test_only_the_first_server_that_ever_was_is_trusted_until_it_is_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        kept: list[str] = []
        trust = Trust(first=True, pinned="192.0.2.7", remember=kept.append)
        async with listening(trust=trust) as bench:
            async with await bench.peer() as stranger:
                await stranger.ask("describe", "info")
                await stranger.send("run-satellite")
                assert await stranger.gone()
            assert bench.posted == []
            assert "only 192.0.2.7 is trusted" in caplog.text
            statistics = bench.server.statistics()
            assert (statistics.trusted, statistics.untrusted) == ("192.0.2.7", 1)
            trust.forget()
            async with await bench.peer() as server:
                await server.become_server()
        assert kept == ["", "127.0.0.1"]

    drive(story())
