from __future__ import annotations

import numpy as np
from signals import noise, tone
from speech import clip, model

from satellite.core.audio import RATE_HZ, Int16
from satellite.detect.vad import WINDOW_SAMPLES, Silero
from satellite.listen.gate import Gate
from satellite.listen.preroll import RingBuffer
from satellite.listen.speech import SpeechTrack

# In windows.
HALF_A_SECOND = 16


class Counting:
    """A speech detector that says how many windows it has heard since it forgot everything."""

    def __init__(self) -> None:
        self.heard = 0

    def process(self, window: Int16) -> float:
        self.heard += 1
        return float(self.heard)

    def reset(self) -> None:
        self.heard = 0


def track(sound: Int16, vad: object) -> SpeechTrack:
    """A track over a sound that was heard to its end."""
    ring, gate = RingBuffer(len(sound)), Gate()
    ring.append(sound)
    for begin in range(0, len(sound) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        gate.process(sound[begin : begin + WINDOW_SAMPLES], begin, False)
    return SpeechTrack(vad, ring, gate)  # type: ignore[arg-type]


def windows(begin_s: float, end_s: float) -> range:
    first = round(begin_s * RATE_HZ) // WINDOW_SAMPLES * WINDOW_SAMPLES
    return range(first, round(end_s * RATE_HZ), WINDOW_SAMPLES)


TWO_SOUNDS = np.concatenate([noise(1.0), tone(300, 0.5), noise(2.5, seed=1), tone(300, 0.5), noise(0.5, seed=2)])


def test_it_hears_half_a_second_before_the_first_window() -> None:
    speech = track(TWO_SOUNDS, Counting())
    first, second, *_ = windows(1.0, 1.1)
    assert speech.process(first) == HALF_A_SECOND + 1
    assert speech.process(second) == HALF_A_SECOND + 2
    assert speech.windows == HALF_A_SECOND + 2


def test_where_the_gate_is_shut_nothing_is_heard_and_nothing_is_speech() -> None:
    vad = Counting()
    speech = track(TWO_SOUNDS, vad)
    assert {speech.process(begin) for begin in windows(3.0, 3.9)} == {0.0}
    assert (vad.heard, speech.windows) == (0, 0)


def test_when_the_gate_opens_again_it_begins_anew() -> None:
    speech = track(TWO_SOUNDS, Counting())
    heard = [speech.process(begin) for begin in windows(1.0, 4.1)]
    opened = heard.index(0.0)
    again = next(n for n in range(opened, len(heard)) if heard[n])
    assert heard[again] == HALF_A_SECOND + 1


def test_a_restart_begins_anew() -> None:
    speech = track(TWO_SOUNDS, Counting())
    for begin in windows(1.0, 1.3):
        speech.process(begin)
    speech.restart()
    assert speech.process(windows(1.3, 1.31)[0]) == HALF_A_SECOND + 1


def test_a_stream_that_has_just_begun_is_heard_from_its_beginning() -> None:
    sound = tone(300, 0.5)
    vad = Counting()
    ring, gate = RingBuffer(8192), Gate()
    ring.append(sound)
    for begin in range(0, 8000 - WINDOW_SAMPLES, WINDOW_SAMPLES):
        gate.process(sound[begin : begin + WINDOW_SAMPLES], begin, False)
    assert SpeechTrack(vad, ring, gate).process(0) > 0  # type: ignore[arg-type]


def test_real_speech_is_found_through_the_real_model() -> None:
    sound = np.concatenate([noise(1.0), clip("kitchen_light"), noise(1.5, seed=1)])
    speech = track(sound, Silero(model("silero_vad")))
    heard = [speech.process(begin) for begin in windows(0.8, 3.5)]
    assert max(heard) > 0.9
    assert heard[-1] < 0.2


def test_without_a_model_9_db_over_the_room_are_half_certain() -> None:
    sound = np.concatenate([noise(1.5), tone(300, 0.5, -45), noise(0.5, seed=2)])
    speech = track(sound, None)
    heard = [speech.process(begin) for begin in windows(1.6, 1.9)]
    assert min(heard) > 0.7
    assert speech.process(windows(2.3, 2.4)[0]) < 0.2
    assert speech.windows == len(heard) + 1


def test_without_a_model_it_makes_no_difference_how_late_it_is_asked() -> None:
    sound = np.concatenate([noise(1.5), tone(300, 0.5, -45), noise(0.5, seed=2)])
    early, late = track(sound[: 16 * WINDOW_SAMPLES * 4], None), track(sound, None)
    begins = windows(1.4, 1.9)
    assert [early.process(begin) for begin in begins] == [late.process(begin) for begin in begins]
