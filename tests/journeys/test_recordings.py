"""What the owner asked to keep is kept, and nothing else."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from journeys.box import quiet
from journeys.conftest import Home
from journeys.test_turns import LEAD_IN_SAMPLES, answer_shortly, position_of

from satellite.codec.wav import read_wav
from satellite.core.audio import Int16

RunHome = Callable[..., None]
ALL = {"recordings": "wakes = true\nnear_misses = true\nutterances = true"}


async def saved(home: Home, count: int) -> dict[str, Any]:
    """The status of the recordings when there are so many."""
    async with asyncio.timeout(20):
        while (status := (await home.box.status())["recordings"])["saved"] < count:
            pass
    return dict(status)


def kept(home: Home, kind: str) -> tuple[dict[str, Any], Int16]:
    """The only recording of a kind: what is known of it, and its sound."""
    (wav,) = (home.box.folder / "state" / "recordings").glob(f"*-{kind}-*.wav")
    assert stat.S_IMODE(wav.stat().st_mode) == 0o600
    return json.loads(wav.with_suffix(".json").read_text()), np.frombuffer(read_wav(wav)[1], "<i2")


def said(home: Home) -> Int16:
    """All that the card was given."""
    return np.frombuffer((home.cards.directory / "mic" / "in").read_bytes(), "<i2")


def test_a_wake_and_its_command_are_kept_to_the_sample(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.wait_for("played", within_s=15)
        status = await saved(home, 2)
        assert (status["count"], status["failed"], status["dropped"]) == (2, 0, 0)
        about, clip = kept(home, "wake")
        assert (about["wake_word"], about["threshold"]) == ("hey_jarvis", 0.5)
        assert len(clip) == 32_000
        everything = said(home)
        begins = position_of(clip[:4_000], everything)
        np.testing.assert_array_equal(clip, everything[begins : begins + len(clip)])
        about, command = kept(home, "utterance")
        assert (about["turn"], about["transcript"], about["ended"]) == (1, "turn on the light", "silence")
        streamed = np.frombuffer(bytes(home.ha.run.pcm), "<i2")[LEAD_IN_SAMPLES:]
        np.testing.assert_array_equal(command, streamed)
        assert "recordings are kept in " in "\n".join(home.box.log)

    home(story, on_stream=answer_shortly, settings=ALL)


def test_a_near_miss_is_counted_and_kept(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.box.set(**{"threshold.hey_jarvis": "1"})
        home.say_command()
        home.say(quiet(1.0))
        await saved(home, 1)
        assert (await home.box.status())["listener"]["near_misses"] == 1
        about, clip = kept(home, "near-miss")
        assert 0.5 <= about["score"] < about["threshold"] == 1
        assert len(clip) == 32_000
        assert home.ha.runs == []

    home(story, settings=ALL)


def test_by_default_and_when_muted_nothing_is_kept(home: RunHome) -> None:
    async def story(home: Home) -> None:
        assert (await home.box.status())["recordings"]["keeping"] == []
        home.say_command()
        await home.ha.wait_for("played", within_s=15)
        text = home.box.config.read_text()
        home.box.config.write_text(text + "[recordings]\nwakes = true\nnear_misses = true\nutterances = true\n")
        await home.box.set(mute="on")
        home.box.signal(1)
        await home.box.says("configuration reloaded")
        home.say_command()
        home.say(quiet(1.0))
        while home.cards.unheard():
            await home.box.status()
        assert not (home.box.folder / "state" / "recordings").exists()
        await home.box.set(mute="off")
        home.say(quiet(1.5))
        home.say_command()
        await saved(home, 2)

    home(story, on_stream=answer_shortly)


def test_a_folder_that_cannot_be_written_disturbs_nothing(home: RunHome, tmp_path: Path) -> None:
    (tmp_path / "full").write_text("no folder")

    async def story(home: Home) -> None:
        for turn in (1, 2):
            home.say_command()
            await home.ha.wait_for("played", turn, within_s=15)
            home.say(quiet(2.0))
        await home.box.says("recordings cannot be written to ")
        status = (await home.box.status())["recordings"]
        assert status["saved"] == 0
        assert status["failed"] >= 2
        assert sum("recordings cannot be written" in line for line in home.box.log) == 1

    settings = {"recordings": ALL["recordings"] + f'\nfolder = "{tmp_path}/full"'}
    home(story, on_stream=answer_shortly, settings=settings)
