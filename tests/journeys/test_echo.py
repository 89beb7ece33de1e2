"""Over its own voice: what the satellite says does not wake it, and who speaks over it is heard."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import echo_room
import numpy as np
import numpy.typing as npt
import pytest
import soxr
from broken_speex import broken_speex
from fakes_ha import ANSWER_RATE_HZ, FakeHomeAssistant, Habits
from journeys.box import Box, clip, quiet
from satcard.room import RATE_HZ, Room
from satcard.satcard import VirtualCards

from satellite.dsp import speex

Story = Callable[[Box, FakeHomeAssistant, Room], Awaitable[None]]
HABITS = Habits(refuses_duplicates=False, setup_describes=1, announce_extra_s=10.0)
# Not the buffers are tried here, and this room's delay is right as long as the card does not run dry: it never stops,
# and always holds 0.2 s, which every sound waits for.
SPEAKER = "buffer_ms = 1000\nperiod_ms = 100\nidle_s = 3600"
# A recogniser has no trouble with it.
CLEAN_DB = 9.0
# The loudspeaker and the walls.
COLOUR = echo_room.Room(direct_db=6).response()
needs_speex = pytest.mark.skipif(bool(speex.missing()), reason="libspeexdsp1 is not installed")


def talk(seconds: float, wake_word_at_s: float | None = None) -> bytes:
    """The satellite's own voice, as an answer."""
    words = np.concatenate([clip(name) for name in ("what_time", "timer", "open_door", "kitchen_light")])
    sound = np.resize(words, round(seconds * RATE_HZ))
    if wake_word_at_s is not None:
        word, at = clip("hey_jarvis"), round(wake_word_at_s * RATE_HZ)
        sound[at - RATE_HZ // 4 : at + len(word) + RATE_HZ // 4] = 0
        sound[at : at + len(word)] = word
    return at_answers_rate(sound)


def at_answers_rate(sound: npt.NDArray[np.int16]) -> bytes:
    """As Home Assistant sends it."""
    return np.rint(soxr.resample(sound.astype(np.float64), RATE_HZ, ANSWER_RATE_HZ)).astype("<i2").tobytes()


def live(
    folder: Path,
    aec: str,
    story: Story,
    environment: dict[str, str] | None = None,
    settings: dict[str, str] | None = None,
) -> None:
    cards = VirtualCards(folder / "cards")

    async def run() -> None:
        given = {"microphone": f'aec = "{aec}"', "speaker": SPEAKER, **(settings or {})}
        with Room(cards, delay_s=0.5, gain=0.5, response=COLOUR) as room:
            box = Box(folder, cards, given, environment=environment)
            async with box, FakeHomeAssistant(box.port, habits=HABITS) as ha:
                await ha.connected()
                await box.reports(lambda status: status["listener"]["warm"])
                await story(box, ha, room)

    asyncio.run(run())


def snr_db(heard: bytes, said: npt.NDArray[np.int16]) -> float:
    """What was said against all else that was streamed with it, where the two fit best."""
    stream, word = np.frombuffer(heard, "<i2").astype(np.float64), said.astype(np.float64)
    size = len(stream) + len(word)
    products = np.fft.irfft(np.fft.rfft(stream, size) * np.conj(np.fft.rfft(word, size)), size)
    at = int(products[: len(stream) - len(word) + 1].argmax())
    there = stream[at : at + len(word)]
    own = word * (there @ word) / (word @ word)
    return float(10 * np.log10((own @ own) / ((there - own) @ (there - own))))


def test_without_a_canceller_it_wakes_itself_in_this_room(tmp_path: Path) -> None:
    async def story(_box: Box, ha: FakeHomeAssistant, _room: Room) -> None:
        await ha.speak(talk(3, wake_word_at_s=1.5))
        await ha.wait_for("detection")

    live(tmp_path, "off", story)


def test_its_own_question_is_no_reply_to_it_where_nothing_cancels_it(tmp_path: Path) -> None:
    """The end of it is in the room when the card has played it, and half a second later still."""

    async def story(box: Box, ha: FakeHomeAssistant, room: Room) -> None:
        room.say(np.concatenate((clip("hey_jarvis"), quiet(0.5), clip("kitchen_light"), quiet(1.0))))
        await ha.running(1)
        await ha.stream_ended()
        await ha.transcript("turn on the light")
        words = clip("what_time")
        await ha.answer("Which one?", at_answers_rate(words[: np.flatnonzero(np.abs(words) > 300)[-1]]))
        await ha.running(2)
        await ha.stream_ended()
        await box.says("command over: no speech")
        assert np.abs(np.frombuffer(ha.run.pcm, "<i2").astype(int)).max() < 300

    live(tmp_path, "off", story, settings={"sounds": 'follow_up = "off"'})


@pytest.mark.timeout(180)
@needs_speex
def test_its_own_wake_word_does_not_wake_it_and_a_persons_over_its_voice_does(tmp_path: Path) -> None:
    async def story(box: Box, ha: FakeHomeAssistant, room: Room) -> None:
        await ha.announce(talk(6, wake_word_at_s=1.5))
        status = await box.reports(lambda status: not status["echo"]["active"])
        assert ha.of("detection") == []
        assert status["echo"]["delay_ms"] == pytest.approx(500, abs=60)
        answer = asyncio.create_task(ha.announce(talk(12)))
        spoken_s = status["echo"]["cancelled_s"] + 3
        await box.reports(lambda status: status["echo"]["cancelled_s"] > spoken_s)
        room.say(np.concatenate((clip("hey_jarvis"), quiet(0.8), clip("kitchen_light"), quiet(1.0))))
        await ha.running(1)
        answer.cancel()
        await ha.stream_ended()
        assert snr_db(bytes(ha.run.pcm), clip("kitchen_light")) > CLEAN_DB
        assert len(ha.of("detection")) == 1

    live(tmp_path, "speex", story)


def test_without_the_library_it_does_not_wake_itself_either_and_hears_who_speaks_afterwards(tmp_path: Path) -> None:
    async def story(box: Box, ha: FakeHomeAssistant, room: Room) -> None:
        await ha.announce(talk(3, wake_word_at_s=1.5))
        status = await box.reports(lambda status: status["listener"]["own_wakes"])
        assert status["echo"] == "not cancelled"
        # No word of its own is in the room any more, nor so near that a person's would be taken for it.
        later = status["listener"]["samples"] + 2 * RATE_HZ
        await box.reports(lambda status: status["listener"]["samples"] > later)
        assert ha.of("detection") == []
        room.say(np.concatenate((clip("hey_jarvis"), quiet(0.8), clip("kitchen_light"), quiet(1.0))))
        await ha.running(1)
        assert len(ha.of("detection")) == 1

    live(tmp_path, "auto", story, {"LD_LIBRARY_PATH": str(broken_speex(tmp_path, "NO_STATE").parent)})


@pytest.mark.timeout(180)
def test_the_other_canceller_does_it_too(tmp_path: Path) -> None:
    """It lowers the device's own voice by more than nothing, and hears who speaks afterwards as if it was not there."""

    async def story(box: Box, ha: FakeHomeAssistant, room: Room) -> None:
        await ha.announce(talk(6, wake_word_at_s=3.5))
        status = await box.reports(lambda status: not status["echo"]["active"])
        assert ha.of("detection") == []
        assert status["echo"]["delay_ms"] == pytest.approx(500, abs=60)
        assert status["echo"]["erle_db"] > 6
        assert (status["echo"]["failures"], status["echo"]["off"]) == (0, False)
        room.say(np.concatenate((clip("hey_jarvis"), quiet(0.8), clip("kitchen_light"), quiet(1.0))))
        await ha.running(1)
        await ha.stream_ended()
        assert snr_db(bytes(ha.run.pcm), clip("kitchen_light")) > CLEAN_DB

    pytest.importorskip("pywebrtc_audio")
    live(tmp_path, "webrtc", story)


@needs_speex
def test_off_builds_nothing_and_a_reload_puts_the_canceller_in(tmp_path: Path) -> None:
    async def story(box: Box, ha: FakeHomeAssistant, _room: Room) -> None:
        assert (await box.status())["echo"] == "not cancelled"
        box.config.write_text(box.config.read_text().replace('aec = "off"', 'aec = "auto"'))
        box.signal(signal.SIGHUP)
        status = await box.reports(lambda status: status["echo"] != "not cancelled")
        assert (status["echo"]["active"], status["echo"]["delay_ms"]) == (False, None)
        await ha.speak(talk(2))
        await box.reports(lambda status: status["echo"]["active"])

    live(tmp_path, "off", story)


@pytest.mark.parametrize("device", ["none", "plugspk"])
def test_a_reload_to_another_speaker_does_not_open_the_old_one_once_more(tmp_path: Path, device: str) -> None:
    async def story(box: Box, _ha: FakeHomeAssistant, _room: Room) -> None:
        before = len(box.cards.wait_for("speaker", "open"))
        # Who opens it in vain waits so long, and is waited for.
        box.cards.opendelay("speaker", 3_000)
        text = box.config.read_text().replace('aec = "auto"', 'aec = "off"')
        box.config.write_text(text.replace('device = "satspk"', f'device = "{device}"'))
        box.signal(signal.SIGHUP)
        await box.says("configuration reloaded")
        box.cards.opendelay("speaker", None)
        await box.reports(lambda status: status["speaker"]["state"] == {"none": "none", "plugspk": "resting"}[device])
        assert len([line for line in box.log if "did not stop" in line or "speaker: satspk" in line]) == 1
        assert device != "none" or len(box.cards.wait_for("speaker", "open")) == before

    live(tmp_path, "auto", story)


def test_a_library_that_does_harm_costs_neither_sound_nor_hearing(tmp_path: Path) -> None:
    async def story(box: Box, ha: FakeHomeAssistant, room: Room) -> None:
        await ha.announce(talk(6))
        status = await box.reports(lambda status: status["echo"]["off"])
        assert status["echo"]["failures"] == 1
        room.say(np.concatenate((clip("hey_jarvis"), quiet(0.8), clip("kitchen_light"), quiet(1.0))))
        await ha.running(1)
        await ha.stream_ended()
        assert snr_db(bytes(ha.run.pcm), clip("kitchen_light")) > CLEAN_DB
        assert len([line for line in box.log if "echo canceller is off" in line]) == 1

    live(tmp_path, "speex", story, {"LD_LIBRARY_PATH": str(broken_speex(tmp_path).parent)})
