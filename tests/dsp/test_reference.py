"""What was played, and when: dated by the card, whole, bounded, and counted where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.dsp.reference import KEPT_S, Reference

FORM = AudioFormat(RATE_HZ, 1, 2)
STEREO = AudioFormat(48_000, 2, 2)
PERIOD = 320
BEGIN_S = 100.0
SIZE = KEPT_S * RATE_HZ


def played(reference: Reference, sound: Int16, begin_s: float = BEGIN_S, queued: int = 3 * PERIOD) -> None:
    """Written so that its first sample is heard at `begin_s`, the card always three periods ahead."""
    for at in range(0, len(sound), PERIOD):
        block = sound[at : at + PERIOD]
        now_s = begin_s + at / RATE_HZ - (queued - len(block)) / RATE_HZ
        reference.wrote(block.tobytes(), FORM, queued, now_s)


def ramp(count: int) -> Int16:
    return (np.arange(count) % 30_000 + 1).astype(np.int16)


def number(reference: Reference, time_s: float) -> int:
    at = reference.sample_at(time_s)
    assert at is not None
    return round(at)


def test_every_sample_is_found_at_its_time() -> None:
    reference, sound = Reference(), ramp(RATE_HZ)
    assert reference.sample_at(BEGIN_S) is None
    played(reference, sound)
    np.testing.assert_array_equal(reference.read(number(reference, BEGIN_S), RATE_HZ), sound)
    np.testing.assert_array_equal(reference.read(number(reference, BEGIN_S + 0.25), 100), sound[4_000:4_100])
    np.testing.assert_array_equal(reference.before(BEGIN_S + 0.5, 100), sound[7_900:8_000])


def test_another_rate_and_more_channels_are_converted_and_not_shifted() -> None:
    reference = Reference()
    tone = np.rint(8_000 * np.sin(2 * np.pi * 500 * np.arange(48_000) / 48_000)).astype(np.int16)
    for at in range(0, len(tone), 960):
        block = np.repeat(tone[at : at + 960, None], 2, axis=1)
        reference.wrote(block.tobytes(), STEREO, 2_880, BEGIN_S + (at - 1_920) / 48_000)
    expected = 8_000 * np.sin(2 * np.pi * 500 * np.arange(1_000, 9_000) / RATE_HZ)
    heard = reference.read(number(reference, BEGIN_S) + 1_000, 8_000)
    np.testing.assert_allclose(heard, expected, atol=20)


@pytest.mark.parametrize("pause_s", [0.05, 0.7])
def test_where_the_card_stood_still_there_is_silence(pause_s: float) -> None:
    reference, sound = Reference(), ramp(3_200)
    played(reference, sound)
    again_s = BEGIN_S + 0.2 + pause_s
    played(reference, sound, again_s, queued=PERIOD)
    begin = number(reference, BEGIN_S)
    gap = round(pause_s * RATE_HZ)
    np.testing.assert_array_equal(reference.read(begin, 3_200), sound)
    assert not reference.read(begin + 3_200, gap - 2).any()
    np.testing.assert_array_equal(reference.read(number(reference, again_s), 3_200), sound)
    assert reference.breaks == 2


def test_what_the_card_threw_away_is_forgotten() -> None:
    reference = Reference()
    played(reference, ramp(3_200))
    played(reference, np.full(3_200, -7, np.int16), BEGIN_S + 0.1, queued=PERIOD)
    begin = number(reference, BEGIN_S + 0.1)
    assert (reference.read(begin, 3_200) == -7).all()
    np.testing.assert_array_equal(reference.read(begin - 1_600, 1_600), ramp(3_200)[:1_600])


def test_it_is_bounded_and_what_nobody_read_is_counted() -> None:
    reference, sound = Reference(), ramp(SIZE + 10 * PERIOD)
    played(reference, sound)
    assert reference.statistics().dropped == pytest.approx(10 * PERIOD, abs=PERIOD)
    begin = number(reference, BEGIN_S)
    assert not reference.read(begin, 9 * PERIOD).any()
    np.testing.assert_array_equal(reference.read(begin + 10 * PERIOD, SIZE), sound[10 * PERIOD :])


def test_what_is_wanted_before_it_is_written_is_silence_and_counted_as_starved() -> None:
    reference, sound = Reference(), ramp(4 * PERIOD)
    played(reference, sound[: 2 * PERIOD])
    begin = number(reference, BEGIN_S)
    early = reference.read(begin + PERIOD, 2 * PERIOD)
    np.testing.assert_array_equal(early[:PERIOD], sound[PERIOD : 2 * PERIOD])
    assert not early[PERIOD:].any()
    assert reference.statistics().starved == 0
    played(reference, sound[2 * PERIOD :], BEGIN_S + 2 * PERIOD / RATE_HZ)
    assert reference.statistics().starved == PERIOD


def test_silence_is_neither_missed_nor_a_sound() -> None:
    reference = Reference()
    played(reference, np.zeros(2 * SIZE, np.int16))
    assert reference.sounded_until < 0
    assert reference.statistics().dropped == reference.statistics().starved == 0
