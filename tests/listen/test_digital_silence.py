"""A microphone that gives nothing is named."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from listen.scripted import scripted
from signals import noise

from satellite.core.audio import RATE_HZ, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.events import Event, MicrophoneHeard, MicrophoneSilent
from satellite.listen.digital_silence import DigitalSilence

HALF_MINUTE = 30 * RATE_HZ


def told(sound: Int16, size: int = 1280) -> list[Event]:
    """What is told of the sound, heard in pieces of `size`."""
    silence, events = DigitalSilence(), []
    for at in range(0, len(sound), size):
        events += silence.hear(sound[at : at + size], at)
    return events


def test_30_s_of_the_same_value_are_named_and_the_next_sound_ends_that() -> None:
    for value in (0, -3):
        sound = np.concatenate([noise(1, -60), np.full(HALF_MINUTE + 8_000, value), noise(1, -60)]).astype(np.int16)
        begins = int(np.flatnonzero(np.diff(sound[: RATE_HZ + 2]))[-1]) + 1
        silent, heard = told(sound)
        assert silent == MicrophoneSilent(begins + HALF_MINUTE)
        assert isinstance(heard, MicrophoneHeard)
        assert abs(heard.at - (RATE_HZ + HALF_MINUTE + 8_000)) < 100
        assert heard.silent_s == (heard.at - begins) / RATE_HZ


def test_less_than_30_s_and_the_quietest_room_are_not() -> None:
    assert told(np.zeros(HALF_MINUTE - 1, np.int16)) == []
    quietest = (np.random.default_rng(1).random(40 * RATE_HZ) < 0.001).astype(np.int16)
    assert told(quietest) == []


@settings(deadline=None, max_examples=20)
@given(st.integers(1, HALF_MINUTE), st.integers(0, 40_000))
def test_how_the_sound_is_cut_does_not_matter(size: int, more: int) -> None:
    sound = np.concatenate([noise(0.5, -60), np.zeros(HALF_MINUTE + more, np.int16), noise(0.5, -60)])
    assert told(sound, max(size, 64)) == told(sound)


def test_the_listener_tells_it_also_while_the_owner_has_it_muted() -> None:
    listener, events = scripted(), []
    for second in range(31):
        samples = np.zeros(RATE_HZ, np.int16)
        events += listener.feed(Frame(samples, second * RATE_HZ), ListenSettings(muted=True), False)
    assert events == [MicrophoneSilent(HALF_MINUTE)]
    assert listener.statistics().digital_silence_s == 31


def test_a_gap_is_neither_sound_nor_silence() -> None:
    listener = scripted()
    listener.feed(Frame(np.zeros(20 * RATE_HZ, np.int16), 0), ListenSettings(), False)
    listener.lost(15 * RATE_HZ, "overrun")
    assert listener.statistics().digital_silence_s == 20
    assert listener.feed(Frame(np.zeros(10 * RATE_HZ, np.int16), 35 * RATE_HZ), ListenSettings(), False) == [
        MicrophoneSilent(45 * RATE_HZ)
    ]
