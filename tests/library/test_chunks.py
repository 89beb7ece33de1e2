"""The same bytes give the same chunks, however they arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from speech import clip, model

from satellite.core.audio import RATE_HZ, AudioFormat
from satellite.dsp import speex
from satellite.library.chunks import Chunker, Heard
from satellite.library.echo import Echo
from satellite.library.settings import InputSettings
from satellite.library.speaking import detector

# A busy machine may be slow at any moment.
PATIENT = hypothesis_settings(deadline=None)

SOUND = (np.arange(9_000) % 7_919 + 1).astype(np.int16)


def chunks(settings: InputSettings, form: AudioFormat, pcm: bytes, sizes: list[int]) -> list[Heard]:
    chunker = Chunker(settings, form, detector(settings))
    found, at = [], 0
    for size in [*sizes, len(pcm)]:
        found += chunker.feed(pcm[at : at + size])
        at += size
    return found + chunker.flush()


def told(found: list[Heard]) -> list[tuple[object, ...]]:
    return [
        (heard.chunk.data, heard.chunk.timestamp, heard.chunk.vad_score, heard.chunk.is_speaking, heard.speaking_s)
        for heard in found
    ]


@PATIENT
@given(
    sizes=st.lists(st.integers(0, 5_000), max_size=20),
    form=st.builds(AudioFormat, st.sampled_from([16_000, 44_100]), st.integers(1, 2), st.just(2)),
    settings=st.builds(
        InputSettings,
        sample_rate=st.sampled_from([16_000, 22_050]),
        channels=st.integers(1, 2),
        frames_per_buffer=st.integers(64, 3_000),
        dtype=st.sampled_from(["int16", "float32"]),
        vad=st.sampled_from([False, "energy"]),
        highpass_hz=st.sampled_from([None, 80.0]),
        gain_db=st.sampled_from([0.0, 6.0]),
        agc=st.sampled_from([False, "slow"]),
    ),
)
def test_cutting_does_not_matter(sizes: list[int], form: AudioFormat, settings: InputSettings) -> None:
    pcm = SOUND.tobytes()
    assert told(chunks(settings, form, pcm, sizes)) == told(chunks(settings, form, pcm, []))


def test_cutting_does_not_matter_to_the_model() -> None:
    model("silero_vad")
    settings, form = InputSettings(vad="silero", frames_per_buffer=700), AudioFormat(48_000, 1, 2)
    pcm = clip("stop").tobytes()
    assert told(chunks(settings, form, pcm, [3, 700, 1, 9_999, 12])) == told(chunks(settings, form, pcm, []))


@PATIENT
@given(st.integers(64, 3_000), st.sampled_from(["int16", "float32"]))
def test_every_sample_comes_once_in_order(frames: int, dtype: str) -> None:
    settings = InputSettings(frames_per_buffer=frames, dtype=dtype, as_ndarray=True)  # type: ignore[arg-type]
    found = chunks(settings, AudioFormat(RATE_HZ, 1, 2), SOUND.tobytes(), [100, 7, 4_001])
    sound = np.concatenate([heard.chunk.data for heard in found])  # type: ignore[misc]
    assert np.array_equal(sound if dtype == "int16" else sound * 32_768, SOUND)
    assert {len(heard.chunk.data) for heard in found[:-1]} <= {frames}
    assert [heard.chunk.sequence for heard in found] == list(range(len(found)))


def test_time_never_runs_backwards_when_late_sound_is_followed_by_timely_sound() -> None:
    chunker = Chunker(InputSettings(frames_per_buffer=160), AudioFormat(RATE_HZ, 1, 2), None)
    times = [
        heard.chunk.timestamp
        for now_s, frames in [(1.0, 160), (1.5, 170), (1.501, 8_000), (1.6, 160)]
        for heard in chunker.feed(bytes(frames * 2), now_s)
    ]
    assert times == sorted(times)
    assert times[0] == pytest.approx(1.0)
    assert times[-1] == pytest.approx(1.6, abs=0.01)


@PATIENT
@given(
    before=st.integers(0, 6_000),
    after=st.integers(0, 6_000),
    lost_s=st.floats(0, 2.5),
    settings=st.builds(
        InputSettings,
        sample_rate=st.sampled_from([16_000, 22_050, 48_000]),
        frames_per_buffer=st.integers(64, 3_000),
        vad=st.sampled_from([False, "energy"]),
        agc=st.sampled_from([False, "slow"]),
        aec=st.just(not speex.missing()),
    ),
)
def test_what_is_lost_is_silence_in_its_place(before: int, after: int, lost_s: float, settings: InputSettings) -> None:
    echo = Echo(settings).canceller if settings.aec else None
    chunker = Chunker(settings, AudioFormat(RATE_HZ, 1, 2), detector(settings), echo)
    found = chunker.feed(bytes(2 * before), 10.0)
    for part in chunker.lose(lost_s, 20.0):
        found += part
    found += chunker.feed(bytes(2 * after), 21.0) + chunker.flush(21.0)
    frames = sum(len(heard.chunk.data) for heard in found) // 2
    rate_hz = settings.sample_rate
    assert abs(frames - round(lost_s * rate_hz) - (before + after) * rate_hz / RATE_HZ) <= 2
    times = [heard.chunk.timestamp for heard in found]
    assert times == sorted(times)
    assert [heard.chunk.sequence for heard in found] == list(range(len(found)))
