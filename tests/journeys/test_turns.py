"""From the microphone to Home Assistant and back, as a person lives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import clip, quiet, tone
from journeys.conftest import HABITS, Home

LEAD_IN_SAMPLES = round(0.8 * 16_000)

RunHome = Callable[..., None]


async def answer_shortly(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.transcript("turn on the light")
    await ha.answer("Done", tone(0.5))


async def only_listen(_ha: FakeHomeAssistant) -> None:
    """Accept the run and then say nothing."""


def test_a_command_arrives_whole_and_the_answer_is_heard(home: RunHome) -> None:
    """What Home Assistant gets after the lead-in is, to the sample, what the card heard, from before the command to its
    end; what the card plays is, to the sample, what Home Assistant sent."""
    sound = np.random.default_rng(5).integers(-3_000, 3_000, 48_000).astype("<i2").tobytes()

    async def answer(ha: FakeHomeAssistant) -> None:
        await ha.stream_ended()
        await ha.transcript("turn on the light")
        assert ha.state == "processing"
        ha.state = "responding"
        await ha.speak(sound, 48_000)

    async def story(home: Home) -> None:
        spoken = np.concatenate([clip("hey_jarvis"), clip("kitchen_light"), quiet(1.5, seed=2)])
        home.say(spoken)
        await home.ha.wait_for("played")
        kinds = [event.type for event in home.ha.received if event.type not in {"pong", "ping", "info"}]
        assert list(dict.fromkeys(kinds)) == ["detection", "run-pipeline", "audio-chunk", "audio-stop", "played"]
        streamed = np.frombuffer(bytes(home.ha.run.pcm), "<i2")[LEAD_IN_SAMPLES:]
        begins = position_of(streamed[:4_000], spoken)
        assert begins <= len(clip("hey_jarvis"))
        assert begins + len(streamed) >= len(clip("hey_jarvis")) + len(clip("kitchen_light"))
        assert np.array_equal(streamed, spoken[begins : begins + len(streamed)])
        heard = home.cards.heard()
        played = np.frombuffer(sound, "<i2")
        start = position_of(played[:4_000], heard)
        assert np.array_equal(heard[start : start + len(played)], played)

    home(story, on_stream=answer)


def position_of(needle: np.ndarray, haystack: np.ndarray) -> int:
    """Where one signal begins inside another: the place that differs least."""
    windows = np.lib.stride_tricks.sliding_window_view(haystack.astype(np.float32), 64)
    near = np.argsort(np.abs(windows - needle[:64]).sum(axis=1))[:20]
    return int(
        min(
            near,
            key=lambda at: np.abs(haystack[at : at + len(needle)].astype(int) - needle[: len(haystack) - at]).sum(),
        )
    )


def test_ten_turns_in_a_row(home: RunHome) -> None:
    async def story(home: Home) -> None:
        for turn in range(1, 11):
            home.say_command()
            await home.ha.wait_for("played", turn)
            home.say(quiet(2.0))
        assert [run.ended for run in home.ha.runs] == ["audio-stop"] * 10
        status = await home.box.status()
        assert [turn["outcome"] for turn in status["last_turns"]] == ["answered"] * 10
        assert all(turn["first_sound_sent_ms"] < turn["audio_stop_ms"] for turn in status["last_turns"])
        assert status["microphone"]["lost_samples"] == 0
        assert status["inbox"]["events_dropped"] == status["inbox"]["speech_bytes_dropped"] == 0

    home(story, on_stream=answer_shortly)


def test_the_card_may_be_a_stereo_one_at_44_1_khz(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.cards.say(np.concatenate([clip("hey_jarvis"), clip("kitchen_light"), quiet(1.5)]), 16_000)
        await home.ha.wait_for("played")
        assert home.ha.run.seconds > len(clip("kitchen_light")) / 16_000

    home(
        story,
        on_stream=answer_shortly,
        mic_rates=(44_100,),
        mic_channels=(2,),
        speaker_rates=(44_100,),
        speaker_channels=(2,),
    )


def test_home_assistant_may_find_the_end_of_speech(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.wait_for("played")
        assert home.ha.run.ended == "transcript"

    async def decide(ha: FakeHomeAssistant) -> None:
        await ha.heard(2.0)
        await ha.voice_stopped()
        await ha.transcript("turn on the light")
        await ha.answer("Done", tone(0.3))

    home(story, on_stream=decide, settings={"command": 'end_of_speech = "server"'})


def test_when_home_assistant_does_not_find_the_end_the_satellite_does(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.stream_ended()

    home(story, on_stream=only_listen, settings={"command": 'end_of_speech = "server"'})


def test_silence_after_the_wake_word_is_given_up(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.say_wake_word()
        await home.ha.stream_ended()
        assert 5.0 <= home.ha.run.seconds - 0.8 < 7.0

    home(story, on_stream=only_listen)


def test_barge_in_stops_the_answer_and_listens(home: RunHome) -> None:
    async def long_answer(ha: FakeHomeAssistant) -> None:
        await ha.stream_ended()
        await ha.transcript("tell me a story")
        await ha.answer("Once upon a time", tone(20 if len(ha.runs) == 1 else 0.5))

    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.running(1)
        await home.box.in_state("answering")
        home.say(quiet(1.0))
        home.say_command()
        await home.ha.running(2)
        kinds = [event.type for event in home.ha.received]
        assert kinds.index("played") < len(kinds) - 1 - kinds[::-1].index("detection")
        await home.ha.wait_for("played", 2)
        heard = home.cards.heard()
        loud = np.abs(heard.astype(int)) > 2_000
        assert loud.sum() < 0.5 * 20 * 48_000, "the answer was cut"

    home(story, on_stream=long_answer)


def test_the_first_sound_reaches_home_assistant_at_once(home: RunHome) -> None:
    """The lead-in comes in one piece, before the run is accepted, and not at the pace of the microphone."""

    async def story(home: Home) -> None:
        home.say_wake_word(quiet(3.0))
        first = await home.ha.wait_for("audio-chunk")
        assert len(first.payload) == 2 * LEAD_IN_SAMPLES

    home(story, habits=replace(HABITS, transcribes=False))


@pytest.mark.parametrize("state", ["idle", "streaming", "transcribing", "answering", "muted", "alone"])
def test_stop_in_every_state(home: RunHome, state: str) -> None:
    """SIGTERM: exit code 0 in under 2 s, the connections closed."""

    async def script(ha: FakeHomeAssistant) -> None:
        if state == "answering":
            await ha.stream_ended()
            await ha.transcript("x")
            await ha.answer("long", tone(30))

    async def story(home: Home) -> None:
        if state in {"streaming", "transcribing", "answering"}:
            await home.streaming()
        if state in {"transcribing", "answering"}:
            home.say(clip("kitchen_light"), quiet(1.0))
            await home.box.in_state(state)
        if state == "muted":
            await home.ha.mute()
            await home.box.says("muted by Home Assistant")
        if state == "alone":
            home.ha.freeze()
        code, took_s = await home.box.stop()
        assert (code, took_s < 2.0) == (0, True), (code, took_s)

    home(story, on_stream=script)


def test_ctrl_c_is_a_stop_too(home: RunHome) -> None:
    async def story(home: Home) -> None:
        code, took_s = await home.box.stop(2)
        assert (code, took_s < 2.0) == (0, True), took_s

    home(story)


def test_a_quiet_voice_and_an_offset_are_put_right_on_the_way_out(home: RunHome) -> None:
    spoken = np.concatenate([quiet(1.0), clip("hey_jarvis") // 4, clip("kitchen_light") // 4, quiet(1.5, seed=2) // 4])

    async def story(home: Home) -> None:
        home.say(np.clip(spoken.astype(int) + 600, -32_768, 32_767).astype(np.int16))
        await home.ha.wait_for("played")
        streamed = np.frombuffer(bytes(home.ha.run.pcm), "<i2")[LEAD_IN_SAMPLES:].astype(np.float64)
        said = clip("kitchen_light").astype(np.float64) / 4
        assert np.sqrt(np.mean(streamed[: len(said)] ** 2)) > 2 * np.sqrt(np.mean(said**2))
        assert abs(streamed.mean()) < 20
        assert np.abs(streamed).max() <= 32_768 * 10 ** (-1 / 20)
        status = await home.box.status()
        assert status["listener"]["clipped"] == 0

    home(story, on_stream=answer_shortly, settings={"processing": 'high_pass_hz = 20\nagc = "slow"'})
