from __future__ import annotations

from satellite.core.audio import samples_in
from satellite.listen.gate import HOLD_MS, Gate

BLOCK = 512
HOLD = samples_in(HOLD_MS)


def hear(gate: Gate, levels: list[float], begin: int = 0, frozen: bool = False) -> int:
    for level in levels:
        gate.process(level, begin, begin + BLOCK, frozen)
        begin += BLOCK
    return begin


def test_it_is_shut_in_a_quiet_room() -> None:
    gate = Gate()
    end = hear(gate, [-65.0, -64.0, -66.0] * 20)
    assert not any(gate.is_open(begin) for begin in range(0, end, BLOCK))


def test_it_opens_with_the_first_block_that_is_louder_and_shuts_1_2_s_after_the_last() -> None:
    gate = Gate()
    loud = hear(gate, [-65.0] * 20)
    last = hear(gate, [-50.0, -50.0], loud)
    hear(gate, [-65.0] * 60, last)
    assert not gate.is_open(loud - BLOCK)
    assert gate.is_open(loud)
    assert gate.is_open(last + HOLD - BLOCK)
    assert not gate.is_open(last + HOLD)


def test_what_it_decided_can_be_asked_later() -> None:
    gate = Gate()
    begin = hear(gate, [-65.0] * 20)
    live = []
    for level in ([-40.0] + [-65.0] * 50) * 2:
        gate.process(level, begin, begin + BLOCK, False)
        live.append((begin, gate.is_open(begin)))
        begin += BLOCK
    assert [(at, gate.is_open(at)) for at, _ in live] == live
    assert {was_open for _, was_open in live} == {True, False}


def test_the_floor_follows_the_room_but_not_what_the_speaker_plays() -> None:
    gate = Gate()
    end = hear(gate, [-65.0] * 20)
    end = hear(gate, [-30.0] * 200, end, frozen=True)
    assert gate.floor_dbfs == -65
    hear(gate, [-60.0] * 200, end)
    assert gate.floor_dbfs > -61


def test_a_quiet_speaker_in_a_quiet_room_opens_it() -> None:
    gate = Gate()
    end = hear(gate, [-80.0] * 50)
    hear(gate, [-68.0], end)
    assert gate.is_open(end)


def test_a_noisy_room_leaves_it_open() -> None:
    gate = Gate()
    hear(gate, [-40.0] * 200)
    assert gate.is_open(199 * BLOCK)
