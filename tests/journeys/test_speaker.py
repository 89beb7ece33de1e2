"""`satellite --test-speaker`, with a room between the virtual speaker and the virtual microphone."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.box import Box
from journeys.conftest import Home
from satcard.room import Room
from satcard.satcard import VirtualCards

from satellite.dsp import speex

# A busy machine may keep the card waiting: here it is not the buffers that are tried.
CONFIG = """
[microphone]
device = "satmic"
buffer_ms = 2000
[speaker]
device = "satspk"
buffer_ms = 1000
"""
DELAY_S = 0.4
SpeakerTest = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tested(cards: VirtualCards, tmp_path: Path) -> SpeakerTest:
    """Runs --test-speaker with these options; the cards are visible to it."""

    def run(*options: str, config: str = CONFIG) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "satellite.toml"
        file.write_text(config)
        command = [sys.executable, "-m", "satellite", "--config", str(file), "--test-speaker", "--seconds", "1"]
        environment = {**os.environ, **cards.env(), "XDG_RUNTIME_DIR": str(tmp_path)}
        return subprocess.run(
            [*command, *options], capture_output=True, text=True, env=environment, timeout=60, check=False
        )

    return run


def test_a_speaker_that_is_heard_is_healthy_and_its_echo_is_timed(tested: SpeakerTest, cards: VirtualCards) -> None:
    with Room(cards, delay_s=DELAY_S):
        result = tested("--json")
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["healthy"]
    echo = report["figures"]["echo"]
    assert echo["delay_ms"] == pytest.approx(1000 * DELAY_S, abs=25)
    assert echo["latency_ms"] >= echo["delay_ms"] - 1
    assert echo["above_noise_db"] > 30
    assert "satspk" in report["speaker"]
    assert "satmic" in report["microphone"]
    if speex.missing():
        assert report["canceller"] is None
        return
    canceller = report["canceller"]
    assert canceller["erle_db"] > 15
    assert canceller["delay_ms"] == pytest.approx(echo["delay_ms"], abs=25)
    assert abs(canceller["ppm"]) < 200


def test_without_an_echo_canceller_the_test_is_short_and_says_nothing_of_it(
    tested: SpeakerTest, cards: VirtualCards
) -> None:
    with Room(cards, delay_s=DELAY_S):
        result = tested(config=CONFIG.replace("[speaker]", 'aec = "off"\n[speaker]'))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "A sweep and a voice: 3 s of sound" in result.stdout
    assert "canceller" not in result.stdout


def test_a_speaker_that_is_not_heard_is_a_problem(tested: SpeakerTest, cards: VirtualCards) -> None:
    with Room(cards, gain=0.0):
        result = tested("--volume", "40")
    assert result.returncode == 1
    assert "- the microphone does not hear the speaker" in result.stdout
    assert "(speaker.volume is 40 %)" in result.stdout


def test_without_a_microphone_only_you_know(tested: SpeakerTest) -> None:
    config = CONFIG.replace('"satmic"', '"no-such-microphone"')
    result = tested(config=config)
    assert result.returncode == 0, result.stderr
    assert "Without a microphone: " in result.stdout
    assert "only you know" in result.stdout
    result = tested("--mic", "no-such-microphone", config=config)
    assert result.returncode == 2
    assert result.stderr.startswith("satellite: ")


@pytest.mark.long
def test_a_card_that_hangs_ends_the_test(tested: SpeakerTest, cards: VirtualCards) -> None:
    cards.stall("speaker")
    result = tested()
    assert result.returncode == 1
    assert result.stderr == "satellite: the speaker hangs: it takes no more sound\n"


def test_while_the_satellite_runs_its_microphone_is_heard_through_it(tmp_path: Path) -> None:
    cards = VirtualCards(tmp_path / "cards")

    async def live() -> None:
        with Room(cards, delay_s=DELAY_S):
            async with Box(tmp_path, cards, {"speaker": "release = true\nidle_s = 0\nbuffer_ms = 1000"}) as box:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "satellite", "--config", str(box.config)),
                    *("--test-speaker", "--json", "--seconds", "1"),
                    env={**os.environ, **cards.env(), "XDG_RUNTIME_DIR": str(tmp_path)},
                    stderr=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                )
                output, _ = await asyncio.wait_for(process.communicate(), 60)
        report = json.loads(output)
        assert report["findings"] == []
        assert "through the running satellite" in report["microphone"]
        assert report["figures"]["echo"]["delay_ms"] == pytest.approx(1000 * DELAY_S, abs=40)

    asyncio.run(live())


def test_a_card_that_the_running_satellite_holds_is_told_with_a_way_out(home: Callable[..., None]) -> None:
    async def story(home: Home) -> None:
        environment = {**os.environ, **home.cards.env(), "XDG_RUNTIME_DIR": str(home.box.folder)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "satellite", "--config", str(home.box.config), "--test-speaker"),
            env=environment,
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        _, errors = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 2
        assert b"speaker satspk is in use by " in errors
        assert b"(sudo systemctl stop satellite)" in errors
        assert b"speaker.release = true" in errors

    home(story)
