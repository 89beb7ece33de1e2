"""Where utterances begin and end, with scores that a test writes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.core.audio import Int16
from satellite.core.errors import SettingOutOfRange, ThresholdOutOfRange, VadUnknown
from satellite.library.cutting import Cutter, Ending, Utterance, UtteranceSettings
from satellite.library.settings import InputSettings
from satellite.library.speaking import Energy

# A busy machine may be slow at any moment.
PATIENT = settings(deadline=None)

RATE = 16_000
# 32 ms each: what the detector judges at a time.
LOUD, QUIET = np.full(512, 3_277, np.int16), np.full(512, 1, np.int16)
SOURCE = InputSettings(as_ndarray=True)
BY_LEVEL = UtteranceSettings(vad="energy", lookback_ms=96, min_speech_ms=96, end_silence_ms=160, max_s=2)


def sound(pattern: str) -> Int16:
    """A stretch of 32 ms for each letter: S speech, anything else silence."""
    return np.concatenate([LOUD if letter == "S" else QUIET for letter in pattern])


def cut(
    samples: np.ndarray, settings: UtteranceSettings = BY_LEVEL, source: InputSettings = SOURCE, piece: int = 1_600
) -> list[Utterance]:
    cutter = Cutter(settings, source, Energy(source.sample_rate))
    found = []
    for at in range(0, len(samples), piece):
        block = samples[at : at + piece]
        found += cutter.process(block if source.as_ndarray else block.tobytes())
    return found + cutter.flush()


def places(found: list[Utterance]) -> list[tuple[int, int, Ending]]:
    """Begin and end in stretches of 32 ms."""
    return [(round(each.start_s / 0.032), round(each.end_s / 0.032), each.ending) for each in found]


def test_an_utterance_is_look_back_speech_and_the_silence_that_ends_it() -> None:
    samples = sound("......SSSSS............")
    found = cut(samples)
    assert places(found) == [(3, 16, Ending.SILENCE)]
    assert np.array_equal(found[0].data, samples[3 * 512 : 16 * 512])
    assert repr(found[0]).startswith("Utterance(start_s=0.096")


def test_a_pause_shorter_than_the_end_does_not_cut() -> None:
    assert places(cut(sound("....SSSS....SSSS......"))) == [(1, 21, Ending.SILENCE)]


def test_once_somebody_speaks_what_is_nearly_speech_is_no_silence() -> None:
    nearly = np.full(8 * 512, 2_621, np.int16)
    samples = np.concatenate([sound("....SSSS"), nearly, sound("SSSS......")])
    assert places(cut(samples, replace(BY_LEVEL, vad_threshold=0.1))) == [(1, 25, Ending.SILENCE)]


def test_clicks_are_no_utterance_and_three_stretches_of_speech_are() -> None:
    assert cut(sound("....S....S..SS...S...........")) == []
    assert places(cut(sound("....SSS.........."))) == [(1, 12, Ending.SILENCE)]


def test_what_is_too_long_comes_in_pieces_without_a_gap() -> None:
    samples = sound("...." + "S" * 150 + "." * 20)
    found = cut(samples)
    assert [each.ending for each in found] == [Ending.TOO_LONG, Ending.TOO_LONG, Ending.SILENCE]
    assert all(earlier.end_s == later.start_s for earlier, later in pairwise(found))
    assert np.array_equal(np.concatenate([each.data for each in found]), samples[512 : 159 * 512])


def test_a_stream_that_ends_while_somebody_speaks_gives_what_was_said() -> None:
    samples = np.concatenate([sound("....SSSSSS"), LOUD[:100]])
    found = cut(samples)
    assert [each.ending for each in found] == [Ending.STREAM]
    assert np.array_equal(found[0].data, samples[512:])


def test_two_ends_in_one_piece_are_both_told() -> None:
    assert len(cut(sound("..SSSS.......SSSS......."), piece=100_000)) == 2


def test_the_look_back_never_reaches_into_the_utterance_before() -> None:
    found = cut(sound("....SSSS.....SSSS......"))
    assert places(found) == [(1, 13, Ending.SILENCE), (13, 22, Ending.SILENCE)]


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_bytes_floats_channels_and_rates_come_back_as_they_were(rate_hz: int) -> None:
    source = InputSettings(sample_rate=rate_hz, channels=2, dtype="float32")
    quiet, loud = np.zeros((rate_hz // 2, 2), "<f4"), np.full((rate_hz // 2, 2), 0.1, "<f4")
    (only,) = cut(np.concatenate([quiet, loud, quiet]), source=source)
    assert isinstance(only.data, bytes)
    back = np.frombuffer(only.data, "<f4").reshape(-1, 2)
    assert np.count_nonzero(back[:, 0]) == np.count_nonzero(back[:, 1]) == rate_hz // 2
    assert len(back) / rate_hz == pytest.approx(only.end_s - only.start_s, abs=0.001)


@PATIENT
@given(st.lists(st.integers(1, 5_000), max_size=20), st.text("S.", max_size=60))
def test_cutting_the_stream_does_not_matter(sizes: list[int], pattern: str) -> None:
    samples = sound("." + pattern)
    cutter, found, at = Cutter(BY_LEVEL, SOURCE, Energy(RATE)), [], 0
    for size in [*sizes, len(samples)]:
        found += cutter.process(samples[at : at + size])
        at += size
    found += cutter.flush()
    whole = cut(samples, piece=len(samples))
    assert [(each.start_s, each.end_s, each.ending) for each in found] == [
        (each.start_s, each.end_s, each.ending) for each in whole
    ]
    for each, other in zip(found, whole, strict=True):
        assert np.array_equal(each.data, other.data)
        assert np.array_equal(each.data, samples[round(each.start_s * RATE) : round(each.end_s * RATE)])


def test_unless_told_otherwise_250_ms_are_speech_300_ms_silence_ends_it_and_30_s_are_the_longest() -> None:
    def hundredths(speech: int, silence: int = 100) -> list[tuple[float, float, Ending]]:
        """What is found in so much speech, in 10 ms, after 1 s of silence."""
        stretches = [
            np.full(160 * count, level, np.int16) for count, level in ((100, 1), (speech, 3_277), (silence, 1))
        ]
        found = cut(np.concatenate(stretches), UtteranceSettings(vad="energy"))
        return [(each.start_s, each.end_s, each.ending) for each in found]

    ((start_s, end_s, _),) = hundredths(50)
    assert start_s == pytest.approx(0.7, abs=0.04)
    assert end_s == pytest.approx(1.8, abs=0.04)
    assert len(hundredths(19)) == 0
    assert len(hundredths(29)) == 1
    (start_s, end_s, ending), (*_, last) = hundredths(3_100)
    assert end_s - start_s == pytest.approx(30, abs=0.001)
    assert (ending, last) == (Ending.TOO_LONG, Ending.SILENCE)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(VadUnknown, match="'silero' or vad='energy'"):
        UtteranceSettings(vad=False)
    with pytest.raises(ThresholdOutOfRange):
        UtteranceSettings(vad_threshold=1.5)
    for name in ("lookback_ms", "min_speech_ms", "end_silence_ms", "max_s", "queue_utterances"):
        with pytest.raises(SettingOutOfRange, match=name):
            UtteranceSettings(**{name: -1})
