"""Timers that ring, with Home Assistant and without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from fakes_ha import FakeHomeAssistant
from journeys.box import ASK_AGAIN_S, PATIENCE_S
from journeys.conftest import HABITS, Home

RunHome = Callable[..., None]


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
