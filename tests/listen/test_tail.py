from __future__ import annotations

import numpy as np
import pytest
from signals import noise, silence, tone

from satellite.core.audio import RATE_HZ, Int16, samples_in
from satellite.listen.tail import said, voiced

HOP = RATE_HZ


def word(after: Int16) -> Int16:
    """A room, 0.6 s of a voice up to the end of a hop at 1 s, and what follows."""
    return np.concatenate([noise(0.4, -65), tone(500, 0.6, -25), after])


def test_a_room_after_the_word_is_no_voice() -> None:
    assert voiced(word(noise(0.5, -65, seed=1)), HOP, HOP) <= samples_in(10)
    assert voiced(word(silence(0.5)), HOP, HOP) <= samples_in(10)


@pytest.mark.parametrize("dbfs", [-25, -35])
@pytest.mark.parametrize("said_ms", [100, 250, 400])
def test_a_voice_after_the_word_counts_for_as_long_as_it_lasts(said_ms: int, dbfs: float) -> None:
    sound = word(np.concatenate([tone(500, said_ms / 1000, dbfs), noise(0.3, -65, seed=1)]))
    assert voiced(sound, HOP, HOP) == pytest.approx(samples_in(said_ms), abs=samples_in(20))


def test_what_is_much_weaker_than_the_word_is_its_echo() -> None:
    assert voiced(word(tone(500, 0.5, -45)), HOP, HOP) <= samples_in(20)


def test_noise_that_is_nearly_as_loud_as_the_word_is_no_voice() -> None:
    room = noise(1.5, -35)
    sound = (room + word(silence(0.5))).astype(np.int16)
    assert voiced(sound, HOP, HOP) < samples_in(170)


def test_the_word_itself_does_not_count() -> None:
    sound = word(tone(500, 0.3, -25))
    assert voiced(sound, HOP, HOP + samples_in(200)) == samples_in(100)


def test_neither_an_odd_length_nor_nothing_after_the_word_hurts() -> None:
    sound = word(tone(500, 0.3, -25))
    assert voiced(sound[: HOP + 777], HOP, HOP) == samples_in(40)
    assert voiced(sound[:HOP], HOP, HOP) == 0


@pytest.mark.parametrize(
    ("voice_ms", "held_ms", "command"),
    [(0, 450, False), (100, 360, False), (100, 440, True), (200, 260, False), (200, 340, True), (270, 270, True)],
)
def test_voice_and_the_time_that_silero_holds_on_are_half_a_second_together(
    voice_ms: int, held_ms: int, command: bool
) -> None:
    after = np.concatenate([tone(500, voice_ms / 1000, -25), noise((held_ms - voice_ms) / 1000, -65, seed=1)])
    assert said(word(after), HOP, HOP) is command
