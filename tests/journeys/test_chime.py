"""The awake sound is heard by the microphone, and is not in the command that is spoken over it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import Box, clip, quiet
from journeys.test_echo import CLEAN_DB, COLOUR, HABITS, SPEAKER, snr_db
from satcard.room import RATE_HZ, Room
from satcard.satcard import VirtualCards

from satellite.dsp.cues import make_cue

# The delay of this room is far from usual, and is found by the first chime; the chime is about as loud as a voice.
DELAY_S, LOUD = 0.5, 2.0
TRIES = 8
# Then the chime and the command are heard at once.
PAUSE_S = 0.5
CUE = make_cue("awake", RATE_HZ).astype(np.float64)


async def answer(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.transcript("turn on the kitchen light")
    await ha.answer("Done", bytes(2_000))


def chime_in(streamed: bytes) -> float:
    """How loud the chime is in it, where it is loudest; 1: as it was made."""
    sound = np.frombuffer(streamed, "<i2").astype(np.float64)
    return float(np.abs(np.correlate(sound, CUE, "valid")).max() / (CUE @ CUE))


class Visit:
    """Somebody in the room with a satellite, who says the same command again and again."""

    def __init__(self, box: Box, ha: FakeHomeAssistant, room: Room) -> None:
        self._box, self._ha, self._room = box, ha, room

    async def command(self, pause_s: float) -> bytes:
        """Say it so long after the wake word; what Home Assistant hears of it."""
        turn = len(self._ha.runs) + 1
        self._room.say(np.concatenate((clip("hey_jarvis"), quiet(pause_s), clip("kitchen_light"), quiet(1.5))))
        await self._ha.wait_for("played", turn)
        return bytes(self._ha.run.pcm)

    async def silence(self) -> dict[str, object]:
        """Say the wake word and nothing else; what the satellite tells of that turn."""
        turn = len(self._ha.runs) + 1
        self._room.say(np.concatenate((clip("hey_jarvis"), quiet(1.0))))
        await self._ha.running(turn)
        await self._ha.stream_ended()
        status = await self._box.reports(lambda status: len(status["last_turns"]) == turn)
        return dict(status["last_turns"][-1])

    async def next_command(self, pause_s: float) -> bytes:
        """The same, and the card has not run dry since the last one: in this room that changes the delay."""
        for _ in range(TRIES):
            before = await self._box.status()
            heard = await self.command(pause_s)
            after = await self._box.status()
            if after["speaker"]["underruns"] == before["speaker"]["underruns"]:
                assert after["cue_echo"]["pieces"] == before["cue_echo"]["pieces"] + 1
                return heard
        raise AssertionError(f"the speaker ran dry in each of {TRIES} turns")


async def not_understood(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.error("stt-no-text-recognized", "No text recognized")


def visit(
    folder: Path,
    aec: str,
    story: Callable[[Visit], Awaitable[None]],
    loud: float = LOUD,
    script: Callable[[FakeHomeAssistant], Awaitable[None]] = answer,
) -> None:
    cards = VirtualCards(folder / "cards")

    async def run() -> None:
        settings = {
            "microphone": f'aec = "{aec}"',
            "speaker": SPEAKER,
            "command": "no_speech_s = 2.0",
            "sounds": 'not_understood = "off"',
        }
        with Room(cards, delay_s=DELAY_S, gain=loud, response=COLOUR, seconds=120) as room:
            box = Box(folder, cards, settings)
            async with box, FakeHomeAssistant(box.port, habits=HABITS, on_stream=script) as ha:
                await ha.connected()
                await box.reports(lambda status: status["listener"]["warm"])
                await story(Visit(box, ha, room))

    asyncio.run(run())


@pytest.mark.timeout(180)
def test_once_its_delay_is_known_the_chime_is_15_db_lower_and_the_command_over_it_is_clean(tmp_path: Path) -> None:
    async def story(visit: Visit) -> None:
        before = await visit.command(1.8)
        after = await visit.next_command(PAUSE_S)
        assert 20 * np.log10(chime_in(after) / chime_in(before)) < -15
        assert snr_db(after, clip("kitchen_light")) > CLEAN_DB + 6

    visit(tmp_path, "auto", story)


def test_where_nothing_is_cancelled_the_chime_is_in_the_command(tmp_path: Path) -> None:
    async def story(visit: Visit) -> None:
        assert snr_db(await visit.command(PAUSE_S), clip("kitchen_light")) < CLEAN_DB

    visit(tmp_path, "off", story)


@pytest.mark.parametrize("loud", [LOUD, 10 * LOUD])
def test_a_chime_alone_is_no_command_taken_out_or_not(tmp_path: Path, loud: float) -> None:
    """The first is not taken out, because its delay is not known yet; the louder ones overdrive the microphone."""

    async def story(visit: Visit) -> None:
        for turn in (await visit.silence(), await visit.silence()):
            assert turn["outcome"] == "failed (stt-no-text-recognized)"
            assert "speech_ended_ms" in turn
            assert "speech_started_ms" not in turn

    visit(tmp_path, "auto", story, loud, not_understood)
