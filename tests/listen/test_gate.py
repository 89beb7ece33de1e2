from __future__ import annotations

import numpy as np
import pytest
from signals import noise, silence, tone

from satellite.core.audio import Int16, samples_in
from satellite.listen.gate import Gate

BLOCK = 512
HOLD = samples_in(1280)


def hear(gate: Gate, sound: Int16, begin: int = 0, frozen: bool = False) -> int:
    """Where it ends."""
    for at in range(0, len(sound) - BLOCK + 1, BLOCK):
        gate.process(sound[at : at + BLOCK], begin + at, frozen)
    return begin + len(sound) // BLOCK * BLOCK


def opened(gate: Gate, begin: int, end: int) -> list[bool]:
    return [gate.is_open(at) for at in range(begin, end, BLOCK)]


def windows(count: int, dbfs: float, seed: int = 0) -> Int16:
    return noise(count * BLOCK / 16_000, dbfs, seed)


def voice(count: int, dbfs: float) -> Int16:
    return tone(300, count * BLOCK / 16_000, dbfs)


def test_it_is_shut_in_a_quiet_room() -> None:
    gate = Gate()
    assert not any(opened(gate, 0, hear(gate, windows(60, -65))))


def test_it_opens_with_the_first_window_that_is_louder_and_shuts_1_28_s_after_the_last() -> None:
    gate = Gate()
    loud = hear(gate, windows(20, -65))
    last = hear(gate, voice(2, -40), loud)
    hear(gate, windows(100, -65, seed=1), last)
    assert not gate.is_open(loud - BLOCK)
    assert gate.is_open(loud)
    end = last + HOLD
    assert gate.is_open(end - BLOCK)
    assert not gate.is_open(end)
    assert gate.open_until == end


def test_what_it_decided_can_be_asked_later() -> None:
    gate = Gate()
    begin = hear(gate, windows(20, -65))
    live = []
    for window in np.split(np.concatenate([voice(1, -40), windows(50, -65)] * 2), 102):
        gate.process(window, begin, False)
        live.append((begin, gate.is_open(begin)))
        begin += BLOCK
    assert [(at, gate.is_open(at)) for at, _ in live] == live
    assert {was_open for _, was_open in live} == {True, False}


def test_how_much_louder_than_the_room_a_window_was_can_be_asked_later() -> None:
    gate = Gate()
    loud = hear(gate, windows(50, -65))
    end = hear(gate, voice(3, -45), loud)
    hear(gate, windows(100, -65, seed=1), end)
    # White noise is 2 dB weaker, and a tone of 300 Hz as strong, where voices are; the third window is all tone.
    assert gate.excess_db(end - BLOCK) == pytest.approx(22, abs=1)
    assert gate.excess_db(end + 50 * BLOCK) == pytest.approx(0, abs=1)


def test_the_floor_follows_the_room_but_not_what_the_speaker_plays() -> None:
    gate = Gate()
    end = hear(gate, windows(20, -65))
    before = gate.floor_dbfs
    end = hear(gate, windows(200, -30), end, frozen=True)
    assert gate.floor_dbfs == before
    hear(gate, windows(250, -60), end)
    assert gate.floor_dbfs == pytest.approx(-60, abs=1)


def test_a_quiet_speaker_in_a_quiet_room_opens_it() -> None:
    gate = Gate()
    end = hear(gate, windows(50, -80))
    hear(gate, voice(1, -65), end)
    assert gate.is_open(end)


def test_a_noisy_room_leaves_it_open() -> None:
    gate = Gate()
    end = hear(gate, windows(200, -38))
    assert all(opened(gate, 10 * BLOCK, end))


def test_white_noise_that_begins_does_not_open_it() -> None:
    gate = Gate()
    end = hear(gate, windows(20, -65))
    assert not any(opened(gate, 0, hear(gate, windows(20, -45, seed=1), end)))


def test_a_voice_in_white_noise_that_begins_opens_it() -> None:
    gate = Gate()
    end = hear(gate, windows(20, -65))
    hear(gate, windows(5, -55, seed=1) + voice(5, -45), end)
    assert gate.is_open(end)


def test_rumble_does_not_open_it() -> None:
    gate = Gate()
    end = hear(gate, windows(50, -65))
    rumble = tone(50, 1, -55)
    hear(gate, rumble + noise(1, -65, seed=1), end)
    assert not any(opened(gate, end, end + len(rumble)))


def test_a_window_of_digital_silence_says_nothing_about_the_room() -> None:
    gate = Gate()
    end = hear(gate, windows(50, -65))
    before = gate.floor_dbfs
    end = hear(gate, silence(2), end)
    # The window before still counts in the first two.
    assert gate.floor_dbfs == pytest.approx(before, abs=1.5)
    assert gate.level_dbfs == -100


@pytest.mark.parametrize(("margin_db", "opens"), [(4, True), (5, True), (8, False)])
def test_the_margin_decides(margin_db: float, opens: bool) -> None:
    gate = Gate(margin_db)
    end = hear(gate, windows(60, -65))
    # 6.5 dB over the room, noise included.
    hear(gate, windows(6, -65, seed=1) + voice(6, -62), end)
    assert gate.is_open(end + 2 * BLOCK) is opens
