"""The microphone is tested while the satellite runs and hears through it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from journeys.box import clip, quiet
from journeys.conftest import SPEED, Home
from journeys.test_turns import only_listen

RunHome = Callable[..., None]


async def test_mic(home: Home, *options: str) -> tuple[int, dict[str, Any]]:
    """Run --test-mic beside the running satellite: its exit code and its JSON."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "satellite",
        "--config",
        str(home.box.config),
        "--test-mic",
        "--json",
        *options,
        env={**os.environ, **home.cards.env(), "XDG_RUNTIME_DIR": str(home.box.folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, json.loads(out or b"{}")


test_mic.__test__ = False  # type: ignore[attr-defined]


async def listened_to(home: Home) -> dict[str, Any]:
    """The status, as soon as somebody listens."""
    await home.box.says("listens to the microphone, for at most", 20)
    return await home.box.status()


def test_the_running_satellite_lends_its_microphone_says_so_and_goes_on_hearing(home: RunHome) -> None:
    async def story(home: Home) -> None:
        test = asyncio.create_task(test_mic(home, "--seconds", "5"))
        status = await listened_to(home)
        home.say(quiet(2.5))  # the test's own wake word has to warm up
        home.say_command()
        home.say(quiet(4.0))
        # The satellite hears what the test hears: the turn goes on beside it.
        await home.ha.running(within_s=15)
        _, answer = await test
        assert status["listening_in"]["process"] > 0
        assert answer["source"]["description"].endswith("through the running satellite")
        assert answer["source"]["live"]
        assert answer["figures"]["wake_words"][0]["heard"] == 1
        assert answer["figures"]["speech_dbfs"] > -40
        # The cards of this home are faster than time, and the clock finds out.
        assert answer["figures"]["real_rate_hz"] == pytest.approx(16_000 * SPEED, rel=0.05)
        assert any("listens to the microphone, for at most" in line for line in home.box.log)
        await home.box.says("no longer listens to the microphone")
        after = (await home.box.status())["listening_in"]
        assert (after["active"], after["times"]) == (False, 1)

    home(story, on_stream=only_listen)


def test_muted_the_test_hears_nothing_either(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.box.set(mute="on")
        home.say(np.tile(clip("kitchen_light"), 6))
        code, answer = await test_mic(home, "--seconds", "2", "--mic", "satmic")
        assert code == 1
        assert [finding["code"] for finding in answer["findings"]] == ["muted"]
        assert answer["figures"]["peak_dbfs"] == -100
        assert set(answer["traces"]["level_dbfs"]["values"]) == {-100}

    home(story)


def test_a_test_that_is_broken_off_leaves_the_satellite_alone(home: RunHome) -> None:
    async def story(home: Home) -> None:
        test = asyncio.create_task(test_mic(home, "--seconds", "60"))
        status = await listened_to(home)
        os.kill(status["listening_in"]["process"], 9)
        code, _ = await test
        assert code == -9
        await home.box.says("no longer listens to the microphone")
        home.say_command()
        await home.ha.running(within_s=15)

    home(story, on_stream=only_listen)
