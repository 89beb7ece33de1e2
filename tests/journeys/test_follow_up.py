"""Answers that ask, and words that stop."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import clip, quiet, tone
from journeys.conftest import Home

from satellite.core.errors import ControlError

RunHome = Callable[..., None]


async def ask_once(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.transcript("turn on the light")
    await ha.answer("Which one?" if len(ha.runs) == 1 else "Done.", tone(0.5))


async def answer_shortly(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.transcript("turn on the light")
    await ha.answer("Done.", tone(0.5))


async def talk_on_and_on(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.transcript("tell me a story")
    await ha.answer("Once upon a time", tone(60))


def test_a_question_is_answered_without_the_wake_word_and_never_by_its_own_voice(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.wait_for("played")
        await home.ha.running(2)
        home.say(quiet(0.5), clip("kitchen_light"), quiet(1.5))
        await home.ha.wait_for("played", 2)
        assert clip("kitchen_light").tobytes() in bytes(home.ha.run.pcm)
        assert len(home.ha.of("detection")) == 1
        kinds = [event.type for event in home.ha.received if event.type in {"played", "run-pipeline"}]
        assert kinds == ["run-pipeline", "played", "run-pipeline", "played"]

    home(story, on_stream=ask_once)


def test_a_stop_word_stops_the_answer_and_nothing_is_streamed_after_it(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.say(clip("alexa"), quiet(0.3), clip("kitchen_light"), quiet(1.5))
        await home.box.in_state("answering")
        home.say_wake_word()
        await home.ha.wait_for("played")
        await home.box.in_state("idle")
        assert len(home.ha.runs) == 1

    words = 'model = "hey_jarvis"\nstop = true\n\n[[wake_word]]\nmodel = "alexa"'
    home(story, on_stream=talk_on_and_on, settings={"[wake_word]": words})


def test_it_listens_without_a_wake_word_when_it_is_told_to_and_not_while_it_is_muted(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.box.set(listen="now")
        home.say(quiet(0.3), clip("kitchen_light"), quiet(1.5))
        await home.ha.wait_for("played")
        assert clip("kitchen_light").tobytes() in bytes(home.ha.run.pcm)
        home.box.signal(signal.SIGUSR1)
        await home.ha.running(2)
        home.say(clip("kitchen_light"), quiet(1.5))
        await home.ha.wait_for("played", 2)
        assert home.ha.of("detection") == []
        await home.box.set(mute="on")
        with pytest.raises(ControlError, match="muted"):
            await home.box.set(listen="now")
        home.box.signal(signal.SIGUSR1)
        await home.box.says("asked to listen: the microphone is muted")

    home(story, on_stream=answer_shortly)
