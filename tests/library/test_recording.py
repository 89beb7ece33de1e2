from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest
from fakes_device import wait_until
from satcard.satcard import VirtualCards

from satellite.codec.wav import read_wav
from satellite.core.errors import DeviceDenied, SettingOutOfRange
from satellite.library.recording import async_record_to_file, record_to_file

SOUND = (np.arange(16_000) % 7_919 + 1).astype(np.int16)


@pytest.mark.parametrize("seconds", [0.5, 0.12345, 0.00001])
def test_the_file_is_as_long_as_asked_for_to_the_frame(cards: VirtualCards, tmp_path: Path, seconds: float) -> None:
    cards.say(SOUND)
    path = tmp_path / "recorded.wav"
    frames = record_to_file(path, seconds)
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.getnframes() == frames == max(1, round(seconds * 16_000))
        assert file.readframes(frames) == SOUND[:frames].tobytes()


def test_rate_channels_and_device_can_be_chosen(cards: VirtualCards, tmp_path: Path) -> None:
    path = tmp_path / "recorded.wav"
    record_to_file(str(path), 0.2, sample_rate=44_100, channels=2, device="plugmic")
    form, pcm = read_wav(path)
    assert (form.rate_hz, form.channels, len(pcm)) == (44_100, 2, 8_820 * 4)


def test_it_can_be_awaited(cards: VirtualCards, tmp_path: Path) -> None:
    cards.say(SOUND)
    assert asyncio.run(async_record_to_file(tmp_path / "recorded.wav", 0.3)) == 4_800
    assert read_wav(tmp_path / "recorded.wav")[1] == SOUND[:4_800].tobytes()


def test_cancelled_it_leaves_a_whole_file_with_what_there_was(cards: VirtualCards, tmp_path: Path) -> None:
    cards.say(SOUND)
    path = tmp_path / "recorded.wav"

    async def main() -> None:
        recording = asyncio.create_task(async_record_to_file(path, 3_600))
        await asyncio.to_thread(wait_until, lambda: path.exists() and path.stat().st_size > 10_000)
        recording.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recording

    asyncio.run(main())
    with wave.open(str(path)) as file:
        frames = file.getnframes()
        assert frames >= 4_800
        assert file.readframes(4_800) == SOUND[:4_800].tobytes()
    assert path.stat().st_size == 44 + frames * 2


def test_a_file_as_a_microphone_may_end_sooner(tmp_path: Path) -> None:
    said = tmp_path / "said.wav"
    record = tmp_path / "recorded.wav"
    with wave.open(str(said), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(SOUND[:2_000].tobytes())
    assert record_to_file(record, 5, device=f"wav:{said}") == 2_000
    assert read_wav(record)[1] == SOUND[:2_000].tobytes()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e9, "5"])
def test_a_length_that_makes_no_sense_is_refused(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(SettingOutOfRange, match="duration_seconds"):
        record_to_file(tmp_path / "recorded.wav", seconds)


def test_a_name_that_no_file_can_have_is_told_as_one_that_is_not_there(cards: VirtualCards, tmp_path: Path) -> None:
    for name in ("a\0b", "\ud800"):
        with pytest.raises(FileNotFoundError):
            record_to_file(f"{tmp_path}/{name}", 1)


def test_when_the_microphone_does_not_open_no_file_is_made(cards: VirtualCards, tmp_path: Path) -> None:
    cards.openerr("mic", 13)
    with pytest.raises(DeviceDenied):
        record_to_file(tmp_path / "recorded.wav", 1, device="satmic")
    assert list(tmp_path.glob("*.wav")) == []
