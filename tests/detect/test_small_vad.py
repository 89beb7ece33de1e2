"""WebRTC's small speech detector."""

from __future__ import annotations

import numpy as np
import pytest
from signals import noise, silence
from speech import clip

from satellite.core.audio import RATE_HZ, Int16
from satellite.detect.small_vad import WINDOW_SAMPLES, SmallVad, missing

installed = pytest.mark.skipif(bool(missing()), reason=missing())


def scores(vad: SmallVad, sound: Int16) -> list[float]:
    whole = len(sound) // WINDOW_SAMPLES * WINDOW_SAMPLES
    return [vad.process(window) for window in sound[:whole].reshape(-1, WINDOW_SAMPLES)]


@installed
@pytest.mark.parametrize("said", ["kitchen_light", "stop", "timer"])
def test_made_speech_is_speech_and_the_room_is_none(said: str) -> None:
    heard = np.array(scores(SmallVad(), np.concatenate([noise(1, -60), clip(said), noise(1, -60)])))
    begin, end = 1 + 16_000 // WINDOW_SAMPLES, (16_000 + len(clip(said))) // WINDOW_SAMPLES
    assert np.mean(heard[begin:end] >= 0.5) > 0.8
    assert not heard[: begin - 1].any()
    assert not heard[end + 15 :].any()


@installed
def test_the_more_aggressive_it_is_the_less_is_speech() -> None:
    said = clip("kitchen_light") // 8
    heard = np.array(scores(SmallVad(), noise(len(said) / RATE_HZ, -45)[: len(said)] + said))
    shares = [np.mean(heard >= threshold) for threshold in (0.25, 0.5, 0.75, 1.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[3]


@installed
def test_after_a_reset_the_same_sound_gives_the_same_scores() -> None:
    vad = SmallVad()
    first = scores(vad, clip("timer"))
    scores(vad, noise(1, -10))
    vad.reset()
    assert scores(vad, clip("timer")) == first
    assert not any(scores(SmallVad(), silence(1)))


def test_without_the_package_it_says_what_to_install() -> None:
    assert "scripts/setup webrtc" in missing("no_such_package")
