"""The delay of an echo: found to the sample, also while somebody speaks, and never made up."""

from __future__ import annotations

import numpy as np
import pytest
from echo_room import Room, for_speaker, voice

from satellite.core.audio import RATE_HZ, Int16
from satellite.dsp.delay import find_delay

SECONDS = 4


def heard(delay_s: float, gain: float, near: Int16) -> Int16:
    far = voice(SECONDS)
    sound = Room(delay_s=delay_s).echo(for_speaker(far), gain)[: len(far)]
    return np.rint(sound + near).astype(np.int16)


@pytest.mark.parametrize("delay_ms", [0, 20, 60, 250, 600, 890])
@pytest.mark.parametrize("near_gain", [0.0, 1.0])
def test_it_is_found_to_the_sample_also_while_somebody_speaks(delay_ms: int, near_gain: float) -> None:
    near = np.rint(near_gain * voice(SECONDS, seed=9)).astype(np.int16)
    found = find_delay(heard(delay_ms / 1000, 1.0, near), voice(SECONDS), -4_800, 14_400)
    assert found.samples == pytest.approx(delay_ms * RATE_HZ / 1000, abs=2)
    assert found.clear > 9


def test_an_echo_before_its_reference_is_found_too() -> None:
    far = voice(SECONDS)
    assert find_delay(np.concatenate((far[800:], far[:800])), far, -4_800, 14_400).samples == -800


def test_other_peoples_speech_and_silence_have_no_clear_delay() -> None:
    assert find_delay(voice(SECONDS, seed=9), voice(SECONDS), -4_800, 14_400).clear < 9
    nothing = np.zeros(SECONDS * RATE_HZ, np.int16)
    assert find_delay(nothing, nothing, -4_800, 14_400).clear == 0
