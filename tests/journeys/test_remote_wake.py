"""Somebody else hears the wake word: Home Assistant, or a wake word service."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from fakes_ha import FakeHomeAssistant
from fakes_wake import FakeWakeService
from journeys.box import clip, free_port, quiet, tone
from journeys.conftest import Home

RunHome = Callable[..., None]
# Quiet noise before whatever is sent, because wake words are not heard at once.
WARM_UP_S = 1.75
# Beyond what is sent after a voice: padding, hold, and a hop.
OVER_S = 2.0


async def hear_and_answer(ha: FakeHomeAssistant) -> None:
    """Our wake word engine takes the first voice for its word; then the command comes."""
    run = ha.run
    if run.from_wake:
        await ha.until(lambda: clip("alexa").tobytes()[-8_000:] in bytes(run.pcm), "the wake word")
        await ha.wake("alexa")
    await ha.stream_ended()
    await ha.transcript("turn on the light")
    await ha.answer("Done.", tone(0.5))


async def listen_only(_ha: FakeHomeAssistant) -> None:
    return


def spoken(home: Home) -> None:
    home.say(quiet(0.5), clip("alexa"), quiet(0.4), clip("kitchen_light"), quiet(1.5))


async def a_turn(home: Home) -> None:
    """The wake word is heard elsewhere, the command in the same run, the answer here; then it listens again."""
    await home.ha.wait_for("played")
    heard = bytes(home.ha.runs[0].pcm)
    assert clip("kitchen_light").tobytes() in heard
    # Real engines know a word at the end of two seconds only.
    assert heard.index(clip("alexa").tobytes()) > 32_000 * 1.3
    assert home.ha.of("detection") == []
    turn = (await home.box.reports(lambda status: status["last_turns"]))["last_turns"][-1]
    assert (turn["wake_word"], turn["outcome"]) == ("alexa", "answered")


def test_home_assistant_hears_the_wake_word_in_all_sound(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.running()
        await home.ha.heard(WARM_UP_S + 1.0)
        spoken(home)
        await a_turn(home)
        await home.ha.running(2)
        await home.ha.heard(WARM_UP_S + 0.5)
        assert home.ha.infos[-1]["wake"] == []

    home(story, on_stream=hear_and_answer, settings={"listening": 'mode = "stream"'})


def test_home_assistant_hears_the_wake_word_where_there_is_a_voice(home: RunHome) -> None:
    async def story(home: Home) -> None:
        # In one piece: the zeros of a card to which nobody speaks are another room.
        home.say(quiet(3.0))
        spoken(home)
        await a_turn(home)
        home.say(quiet(OVER_S))
        await home.heard_out()
        assert [run.ended for run in home.ha.runs[1:]] in ([], ["audio-stop"])

    home(story, on_stream=hear_and_answer, settings={"listening": 'mode = "stream-voice"'})


def test_a_voice_without_wake_word_is_sent_with_what_is_around_it_and_no_more(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.say(quiet(1.0), clip("kitchen_light"), quiet(4.0))
        await home.ha.stream_ended()
        await home.heard_out()
        run = home.ha.run
        assert clip("kitchen_light").tobytes() in bytes(run.pcm)
        assert run.seconds < len(clip("kitchen_light")) / 16_000 + WARM_UP_S + 0.25 + OVER_S
        assert (len(home.ha.runs), run.late_chunks) == (1, 0)
        assert (await home.box.status())["state"] == "idle"

    home(story, on_stream=listen_only, settings={"listening": 'mode = "stream-voice"'})


def test_muted_nothing_is_streamed_and_unmuted_it_is_again(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.running()
        await home.ha.heard(WARM_UP_S + 0.5)
        await home.box.set(mute="on")
        await home.ha.stream_ended()
        home.say(clip("alexa"), quiet(0.5))
        await home.heard_out()
        assert home.ha.run.late_chunks == 0
        assert len(home.ha.runs) == 1
        await home.box.set(mute="off")
        await home.ha.running(2)
        home.say(quiet(1.0))
        await home.ha.heard(WARM_UP_S + 0.5)
        assert clip("alexa").tobytes()[4_000:8_000] not in bytes(home.ha.run.pcm)
        await home.ha.mute()
        home.say(clip("alexa"), quiet(0.5))
        await home.heard_out()
        home.ha.unmute()
        await home.ha.running(3)

    home(story, on_stream=listen_only, settings={"listening": 'mode = "stream"'})


def test_it_listens_on_command_while_home_assistant_waits_for_the_wake_word(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.heard(WARM_UP_S + 0.5)
        await home.box.set(listen="now")
        await home.ha.running(2)
        home.say(quiet(0.5), clip("kitchen_light"), quiet(1.5))
        await home.ha.wait_for("played")
        assert clip("kitchen_light").tobytes() in bytes(home.ha.runs[1].pcm)
        await home.ha.running(3)
        assert [run.from_wake for run in home.ha.runs] == [True, False, True]
        assert home.ha.connections == 1

    async def answer_what_is_no_wake_word(ha: FakeHomeAssistant) -> None:
        if not ha.run.from_wake:
            await answer(ha)

    home(story, on_stream=answer_what_is_no_wake_word, settings={"listening": 'mode = "stream"'})


def test_a_pipeline_without_wake_word_is_asked_again_and_no_sound_is_made(home: RunHome) -> None:
    async def refuse(ha: FakeHomeAssistant) -> None:
        if len(ha.runs) == 1:
            await ha.error("wake-provider-missing", "No wake word detection provider")

    async def story(home: Home) -> None:
        await home.ha.running(2)
        await home.box.says("No wake word detection provider")
        await home.ha.heard(WARM_UP_S + 0.5)
        assert (await home.box.status())["speaker"]["finished"] == 0

    home(story, on_stream=refuse, settings={"listening": 'mode = "stream"'})


async def answer(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.transcript("turn on the light")
    await ha.answer("Done.", tone(0.5))


def at(port: int, name: str = "computer") -> dict[str, str]:
    """A configuration whose wake word service is there."""
    return {"listening": f'mode = "service"\nwake_uri = "tcp://127.0.0.1:{port}"\nwake_names = ["{name}"]'}


async def listening(home: Home) -> None:
    """Wait until the service gets sound."""
    await home.box.reports(lambda status: status["wake_service"]["state"] == "listening")


@pytest.mark.parametrize("timestamps", [True, False])
def test_a_wake_word_service_hears_the_word_and_the_command_goes_to_home_assistant(
    home: RunHome, timestamps: bool
) -> None:
    port = free_port()

    async def story(home: Home) -> None:
        async with FakeWakeService(port, timestamps=timestamps) as service:
            await listening(home)
            home.say(quiet(0.5), tone_word(), quiet(0.4), clip("kitchen_light"), quiet(1.5))
            await home.ha.wait_for("played")
            assert clip("kitchen_light").tobytes() in bytes(home.ha.run.pcm)
            assert [event.data["name"] for event in home.ha.of("detection")] == ["computer"]
            assert (service.names, service.connections) == ([["computer"]], 1)
            status = (await home.box.status())["wake_service"]
            assert (status["detections"], status["dropped_bytes"] >= 0) == (1, True)
            assert status["latency_ms"] >= 0
            await home.box.set(mute="on")
            await home.box.reports(lambda status: status["settings"]["mute"])
            loud = service.loud
            home.say(quiet(0.5), tone_word(), quiet(0.5))
            await home.heard_out()
            assert (len(home.ha.runs), service.loud) == (1, loud)

    home(story, on_stream=answer, settings=at(port))


def test_of_a_word_that_a_service_hears_before_its_end_little_is_streamed(home: RunHome) -> None:
    port = free_port()

    async def story(home: Home) -> None:
        async with FakeWakeService(port):
            await listening(home)
            home.say(quiet(0.5), tone_word(), quiet(0.4), clip("kitchen_light"), quiet(1.5))
            await home.ha.wait_for("played")
        heard = bytes(home.ha.run.pcm)
        rest = np.frombuffer(heard[: heard.index(clip("kitchen_light").tobytes())], np.int16)
        assert np.count_nonzero(np.abs(rest) > 1_000) < 0.1 * 16_000

    home(story, on_stream=answer, settings=at(port, "alexa_v0.1"))


def test_a_wake_word_that_the_service_does_not_have_is_named_with_those_that_it_has(home: RunHome) -> None:
    port = free_port()

    async def story(home: Home) -> None:
        async with FakeWakeService(port):
            await home.box.says("has no okay_nabu; it has computer, alexa_v0.1")

    home(story, settings=at(port, "okay_nabu"))


def test_a_wake_word_service_that_goes_and_comes_back_is_found_again(home: RunHome) -> None:
    port = free_port()

    async def story(home: Home) -> None:
        await home.box.says("the wake word service at 127.0.0.1")
        async with FakeWakeService(port):
            await listening(home)
        await home.box.reports(lambda status: status["wake_service"]["state"] == "lost")
        home.say(quiet(1.0))
        await home.heard_out()
        async with FakeWakeService(port) as service:
            await listening(home)
            home.say(quiet(0.5), tone_word(), quiet(0.4), clip("kitchen_light"), quiet(1.5))
            await home.ha.wait_for("played")
            assert service.connections == 1
        assert (await home.box.status())["wake_service"]["dropped_bytes"] > 0

    home(story, on_stream=answer, settings=at(port))


def tone_word() -> npt.NDArray[np.int16]:
    """What the fake service takes for its word."""
    return np.frombuffer(tone(0.6, 16_000, 500.0), np.int16)
