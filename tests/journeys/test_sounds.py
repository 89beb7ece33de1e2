"""What a person hears when something is wrong: a sound of its own for each cause, and never none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import clip, quiet
from journeys.conftest import HABITS, Home

from satellite.codec.wav import write_wav
from satellite.core.audio import AudioFormat

RunHome = Callable[..., None]
# Each sound is a level that is easily known again.
LEVELS = {"error": 4_000, "not_understood": 6_000, "waiting": 8_000, "away": 10_000, "no_microphone": 12_000}
FRAMES = 4_800


@pytest.fixture
def own_sounds(tmp_path: Path) -> str:
    """Lines of the configuration with which they are played."""
    lines = ['awake = "off"']
    for name, level in LEVELS.items():
        file = tmp_path / f"{name}.wav"
        write_wav(file, np.full(FRAMES, level, "<i2").tobytes(), AudioFormat(48_000, 1, 2))
        lines.append(f'{name} = "{file}"')
    return "\n".join(lines)


def heard(home: Home) -> list[str]:
    """Which of them came out of the speaker to their end, in order of their names."""
    sound = home.cards.heard()
    return sorted(name for name, level in LEVELS.items() if np.count_nonzero(sound == level) >= 0.9 * FRAMES)


async def fails(ha: FakeHomeAssistant, code: str) -> None:
    await ha.stream_ended()
    await ha.error(code, "it did not work")


@pytest.mark.parametrize(("code", "sound"), [("intent-failed", "error"), ("stt-no-text-recognized", "not_understood")])
def test_an_error_of_the_assistant_and_words_that_it_did_not_understand_are_told_apart(
    home: RunHome, own_sounds: str, code: str, sound: str
) -> None:
    async def story(home: Home) -> None:
        home.say_command()
        await home.until(lambda: bool(heard(home)), "a sound")
        assert heard(home) == [sound]

    home(story, on_stream=lambda ha: fails(ha, code), settings={"sounds": own_sounds})


def test_who_is_heard_while_home_assistant_is_away_is_told_so_at_once_and_again_when_it_does_not_come(
    home: RunHome, own_sounds: str
) -> None:
    async def story(home: Home) -> None:
        home.ha.hang_up()
        await home.box.says("Home Assistant is gone")
        home.say_wake_word()
        await home.until(lambda: heard(home) == ["waiting"], "the waiting sound")
        home.say(clip("kitchen_light"), quiet(2.0))
        await home.until(lambda: heard(home) == ["away", "waiting"], "the away sound")

    away = replace(HABITS, restart_after_s=600.0, reconnect_after_s=600.0)
    home(story, habits=away, settings={"sounds": own_sounds, "command": "keep_s = 1"})


def test_a_microphone_that_is_lost_is_told(home: RunHome, own_sounds: str) -> None:
    async def story(home: Home) -> None:
        await home.streaming()
        home.cards.unplug("mic")
        await home.until(lambda: heard(home) == ["no_microphone"], "the sound")

    home(story, settings={"sounds": own_sounds})
