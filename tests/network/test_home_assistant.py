"""The server and a Home Assistant that behaves as the real one, on a clock that runs faster."""

from __future__ import annotations

import asyncio

import pytest
from fakes_ha import FakeHomeAssistant, Habits
from network.wire import Bench, drive, listening

from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.network.server import Limits

FAST = Habits().faster(100)


def command(bench: Bench, frames: int = 4) -> None:
    """A wake word and a command, as the conversation tells them."""
    for message in (msg.Detection("hey_jarvis"), msg.RunPipeline()):
        bench.server.tell(message)
    for _ in range(frames):
        bench.server.tell(msg.MicAudio(bytes(512)))


def test_a_turn_from_the_wake_word_to_played() -> None:
    async def script(ha: FakeHomeAssistant) -> None:
        await ha.stream_ended()
        await ha.transcript("light on")
        await ha.answer("done", bytes(10_000))

    async def story() -> None:
        async with listening() as bench, FakeHomeAssistant(bench.server.port, habits=FAST, on_stream=script) as ha:
            await ha.connected()
            command(bench)
            bench.server.tell(msg.MicStop())
            await bench.posts(
                ev.ServerConnected,
                ev.Transcribing,
                ev.TranscriptReceived,
                ev.AnswerText,
                ev.AnswerStarted,
                ev.AnswerEnded,
            )
            assert sum(len(event.pcm) for event in bench.posted if isinstance(event, ev.AnswerAudio)) == 10_000
            assert (ha.run.phrase, len(ha.run.pcm), ha.state) == ("Hey Jarvis", 2048, "responding")
            bench.server.tell(msg.Played())
            await ha.wait_for("played")
            assert ha.state == "idle"

    drive(story())


def test_setup_and_the_describe_for_ever_never_touch_the_long_connection() -> None:
    async def story() -> None:
        async with listening() as bench, FakeHomeAssistant(bench.server.port, habits=Habits().faster(3000)) as ha:
            await ha.until(lambda: len(ha.infos) >= 10, "10 infos")
            await ha.wait_for("pong", 10)
            assert bench.kinds() == [ev.ServerConnected]
            assert ha.lost == []

    drive(story())


def test_the_same_phrase_within_two_seconds_is_refused() -> None:
    async def story() -> None:
        async with listening() as bench, FakeHomeAssistant(bench.server.port, habits=FAST) as ha:
            await ha.connected()
            command(bench)
            await bench.posts(ev.ServerConnected, ev.Transcribing)
            command(bench)
            await bench.posts(ev.ServerConnected, ev.Transcribing, ev.PipelineFailed)
            failed = bench.posted[-1]
            assert isinstance(failed, ev.PipelineFailed)
            assert failed.code == "duplicate_wake_up_detected"

    drive(story())


def test_after_a_mute_it_comes_back_on_another_connection() -> None:
    async def story() -> None:
        async with listening() as bench, FakeHomeAssistant(bench.server.port, habits=FAST) as ha:
            await ha.connected()
            await ha.mute()
            await bench.posts(ev.ServerConnected, ev.ServerPaused)
            ha.unmute()
            await ha.connected(2)
            assert bench.kinds() == [ev.ServerConnected, ev.ServerPaused, ev.ServerLost, ev.ServerConnected]

    drive(story())


@pytest.mark.parametrize("rudely", [False, True])
def test_after_a_disconnect_it_is_served_again(rudely: bool) -> None:
    async def story() -> None:
        async with listening() as bench, FakeHomeAssistant(bench.server.port, habits=FAST) as ha:
            await ha.connected()
            ha.hang_up(rudely=rudely)
            await ha.connected(2)
            assert bench.kinds() == [ev.ServerConnected, ev.ServerLost, ev.ServerConnected]

    drive(story())


def test_one_whose_power_was_cut_is_noticed() -> None:
    async def story() -> None:
        limits = Limits(silence_s=0.2)
        async with (
            listening(limits=limits) as bench,
            FakeHomeAssistant(bench.server.port, habits=FAST) as ha,
        ):
            await ha.wait_for("pong")
            ha.freeze()
            await bench.posts(ev.ServerConnected, ev.ServerLost)
            assert bench.posted[-1] == ev.ServerLost(3, "silent for 0.2 s")

    drive(story())


def test_one_whose_network_was_cut_is_served_on_another_connection_while_the_old_one_is_half_open() -> None:
    async def story() -> None:
        async with listening() as bench, FakeHomeAssistant(bench.server.port, habits=FAST) as ha:
            await ha.connected()
            ha.vanish()
            await ha.connected(2)
            assert bench.kinds() == [ev.ServerConnected, ev.ServerLost, ev.ServerConnected]
            assert "replaced" in bench.posted[1].reason

    drive(story())


def test_a_second_one_takes_over() -> None:
    async def story() -> None:
        patient = Habits(restart_after_s=60.0)
        async with (
            listening() as bench,
            FakeHomeAssistant(bench.server.port, habits=patient) as first,
            FakeHomeAssistant(bench.server.port, habits=patient) as second,
        ):
            await asyncio.gather(first.until(lambda: first.lost or second.lost, "a loss"), second.connected())
            assert bench.kinds() == [ev.ServerConnected, ev.ServerLost, ev.ServerConnected]

    drive(story())


def test_an_announcement_waits_for_played() -> None:
    async def story() -> None:
        async with listening() as bench, FakeHomeAssistant(bench.server.port, habits=FAST) as ha:
            await ha.connected()
            announcing = asyncio.create_task(ha.announce(bytes(44_100)))
            await bench.posts(ev.ServerConnected, ev.AnswerStarted, ev.AnswerEnded)
            bench.server.tell(msg.Played())
            assert await announcing

    drive(story())


def test_the_assistant_gives_up_a_satellite_that_says_nothing() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def story() -> None:
        habits = Habits(silence_limit_s=0.05, setup_describes=0, restart_after_s=0.01)
        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        async with FakeHomeAssistant(server.sockets[0].getsockname()[1], habits=habits) as ha:
            await ha.until(lambda: ha.connections == 2, "a second connection")
            assert set(ha.lost) == {"silence"}
        server.close()
        await server.wait_closed()

    drive(story())


def test_what_fails_inside_the_assistants_script_fails_the_test() -> None:
    async def script(ha: FakeHomeAssistant) -> None:
        raise ValueError("the script is wrong")

    async def story() -> None:
        async with listening() as bench, FakeHomeAssistant(bench.server.port, habits=FAST, on_stream=script) as ha:
            await ha.connected()
            command(bench)
            await bench.posts(ev.ServerConnected, ev.Transcribing)

    with pytest.raises(ValueError, match="the script is wrong"):
        drive(story())
