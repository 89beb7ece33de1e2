"""Timers that ring, with Home Assistant and without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import ASK_AGAIN_S, PATIENCE_S
from journeys.conftest import HABITS, Home

from satellite.codec.wav import write_wav
from satellite.core.audio import AudioFormat

RunHome = Callable[..., None]
# An alarm of the owner's, as long as one may be: a level that is easily known again.
ALARM = np.full(5 * 48_000, 10_000, "<i2")
DOWN = 1_000


async def only_listen(_ha: FakeHomeAssistant) -> None:
    """Accept the run and then say nothing."""


async def rings(home: Home) -> None:
    """Wait until the speaker makes a further sound."""
    before = np.count_nonzero(home.cards.heard())
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    while np.count_nonzero(home.cards.heard()) <= before:
        assert asyncio.get_running_loop().time() < deadline_s, "it does not ring"
        await asyncio.sleep(ASK_AGAIN_S)


async def is_silent_again(home: Home) -> None:
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    while (await home.box.status())["timers"]["ringing"]:
        assert asyncio.get_running_loop().time() < deadline_s, "it rings for ever"
        await asyncio.sleep(ASK_AGAIN_S)


async def hears(home: Home, level: int, frames: int) -> None:
    """Wait until the speaker has made so many samples of this level."""
    await home.until(lambda: np.count_nonzero(home.cards.heard() == level) >= frames, f"{frames} of {level}")


@pytest.fixture
def own_alarm(tmp_path: Path) -> dict[str, str]:
    """Settings with which ALARM rings."""
    write_wav(tmp_path / "alarm.wav", ALARM.tobytes(), AudioFormat(48_000, 1, 2))
    return {"sounds": f'timer = "{tmp_path / "alarm.wav"}"'}


def test_a_timer_rings_until_the_wake_word(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.timer("started", "a", total_seconds=3600, name="tea")
        await home.box.says("timer 'a' started")
        (timer,) = (await home.box.status())["timers"]["running"]
        assert timer["name"] == "tea"
        await home.ha.timer("finished", "a")
        await rings(home)
        await rings(home)
        home.say_wake_word()
        await home.ha.running()
        await is_silent_again(home)

    home(story, on_stream=only_listen)


def test_a_stop_word_ends_an_alarm_and_nothing_else_follows(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.timer("finished", "a")
        await rings(home)
        home.say_wake_word()
        await is_silent_again(home)
        assert (await home.box.status())["turns"] == 0
        assert home.ha.runs == []

    words = 'model = "hey_jarvis"\nstop = true\n\n[[wake_word]]\nmodel = "alexa"'
    home(story, on_stream=only_listen, settings={"[wake_word]": words})


def test_a_timer_that_ends_while_home_assistant_is_away_rings_by_our_own_clock(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.timer("started", "a", total_seconds=0.5, name="eggs")
        await home.box.says("timer 'a' started")
        home.ha.hang_up()
        await home.box.says("timer 'eggs' is over; Home Assistant has not confirmed it")
        await rings(home)
        assert (await home.box.status())["timers"]["ringing"] == [{"name": "eggs", "confirmed": False}]
        await home.box.set(alarm="off")
        await is_silent_again(home)

    home(story, on_stream=only_listen, habits=replace(HABITS, restart_after_s=600.0))


def test_a_timer_survives_a_restart_of_the_device(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.timer("started", "a", total_seconds=3600, name="tea")
        await home.box.says("timer 'a' started")
        await home.box.stop()
        await home.box.start()
        (timer,) = (await home.box.status())["timers"]["running"]
        assert timer["name"] == "tea"
        assert 3_000 < timer["left_s"] <= 3_600

    home(story, habits=replace(HABITS, restart_after_s=600.0))


def test_what_rings_rings_on_after_a_restart_until_it_is_dismissed(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.timer("started", "a", total_seconds=1.0, name="eggs")
        await home.ha.timer("started", "b", total_seconds=3600, name="tea")
        await home.ha.timer("finished", "b")
        await home.box.says("timer 'tea' is over")
        home.ha.hang_up()
        await home.box.says("timer 'eggs' is over; Home Assistant has not confirmed it")
        ringing = [{"name": "tea", "confirmed": True}, {"name": "eggs", "confirmed": False}]
        for number in (9, 15):
            await home.until(lambda: '"rung"' in (home.box.folder / "state" / "state.json").read_text(), "saved")
            await home.box.stop(number)
            await home.box.start()
            await rings(home)
            assert (await home.box.status())["timers"]["ringing"] == ringing
        await home.box.set(alarm="off")
        await is_silent_again(home)
        assert (await home.box.status())["timers"]["running"] == []

    home(story, habits=replace(HABITS, restart_after_s=600.0))


def test_an_alarm_that_is_dismissed_is_silent_in_the_middle_of_its_sound(
    home: RunHome, own_alarm: dict[str, str]
) -> None:
    async def story(home: Home) -> None:
        await home.ha.timer("finished", "a")
        await hears(home, 10_000, 4_800)
        await home.box.set(alarm="off")
        await asyncio.to_thread(home.cards.wait_for, "speaker", "stop")
        assert np.count_nonzero(home.cards.heard()) % len(ALARM) > 0, "it was heard to its end"

    home(story, settings=own_alarm, speaker_speed=1.0)


def test_an_alarm_is_quiet_under_an_announcement_and_loud_again_after_it(
    home: RunHome, own_alarm: dict[str, str]
) -> None:
    async def story(home: Home) -> None:
        await home.ha.timer("finished", "a")
        await hears(home, 10_000, 4_800)
        assert await home.ha.announce(bytes(2 * 22_050))
        heard = home.cards.heard()
        assert np.count_nonzero(heard == DOWN) > 24_000
        await hears(home, 10_000, np.count_nonzero(heard == 10_000) + 4_800)

    home(story, settings=own_alarm, speaker_speed=1.0)


def test_an_alarm_is_quiet_while_a_command_is_listened_to(home: RunHome, own_alarm: dict[str, str]) -> None:
    async def story(home: Home) -> None:
        await home.ha.timer("finished", "a")
        await hears(home, 10_000, 4_800)
        await home.box.set(listen="now")
        await hears(home, DOWN, 4_800)

    home(story, settings=own_alarm, on_stream=only_listen)
