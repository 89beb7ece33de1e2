"""Recording a microphone for its test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from diagnostics.made import stream
from fakes_device import FakeSource
from hypothesis import given
from hypothesis import strategies as st

from satellite.control.tap import Batch
from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceLost
from satellite.diagnostics import recording as recording_module
from satellite.diagnostics.recording import Phase, Recording, file_batches, live_batches, record

SOUND = np.arange(16_000, dtype="<i2").tobytes()
MONO = AudioFormat(16_000, 1, 2)
GUIDED = (Phase("quiet", 1.0, "be quiet"), Phase("speech", 2.0, "speak"), Phase("wake word", 3.0, "say it"))


class Card:
    """A card with a clock of its own: gives 10 ms at a time, and the time goes on with it."""

    def __init__(
        self, real_hz: float = 16_000.0, loses_at: tuple[int, ...] = (), drops_at: tuple[int, ...] = ()
    ) -> None:
        self.now_s = 100.0
        self._real_hz = real_hz
        self._loses_at, self._drops_at = loses_at, drops_at

    def clock(self) -> float:
        return self.now_s

    def batches(self) -> Iterator[Batch]:
        for number in range(100_000):
            self.now_s += 160 / self._real_hz
            overruns = sum(at <= number for at in self._loses_at)
            dropped = 320 * sum(at <= number for at in self._drops_at)
            yield Batch(SOUND[:320], self.now_s, overruns, dropped, False)


def recorded(card: Card, *phases: Phase) -> Recording:
    return record(stream(card.batches(), live=True), phases, lambda *_: None, card.clock)


def test_a_live_recording_is_as_long_as_asked_by_the_clock_and_knows_the_real_rate() -> None:
    result = recorded(Card(real_hz=8_000), Phase("all", 10.0))
    assert result.rate is not None
    assert result.rate.hz == pytest.approx(8_000, rel=1e-3)
    assert len(result.pcm) / 2 / 8_000 == pytest.approx(10.0, abs=0.3)


def test_each_phase_is_asked_for_in_order_and_knows_its_seconds() -> None:
    asked = []
    card = Card()
    result = record(
        stream(card.batches(), live=True), GUIDED, lambda phase, _, __: asked.append(phase.name), card.clock
    )
    assert list(dict.fromkeys(asked)) == ["quiet", "speech", "wake word"]
    assert list(result.spans) == ["quiet", "speech", "wake word"]
    bounds = [edge for span in result.spans.values() for edge in span]
    assert bounds == pytest.approx([0, 1, 1, 3, 3, 6], abs=0.05)


def test_the_first_moment_of_a_card_is_left_out() -> None:
    card = Card()
    click = [Batch(b"\xff\x7f" * 3_200, None, 0, 0, False)]
    batches = iter([*click, *(batch for batch, _ in zip(card.batches(), range(500), strict=False))])
    result = record(stream(batches, live=True), (Phase("all", 2.0),), lambda *_: None, card.clock)
    assert b"\xff\x7f" * 2 not in result.pcm


def test_lost_and_missed_sound_is_counted_and_does_not_falsify_the_rate() -> None:
    result = recorded(Card(loses_at=(300, 310), drops_at=(500,)), Phase("all", 10.0))
    assert result.overruns == 2
    assert result.dropped_s == pytest.approx(0.01)
    assert result.rate is not None
    assert result.rate.hz == pytest.approx(16_000, rel=1e-3)


def test_mute_at_any_time_is_known() -> None:
    batches = [Batch(SOUND, None, 0, 0, muted) for muted in (False, True, False)]
    assert record(stream(batches), (Phase("all", 9.0),), lambda *_: None).muted
    assert not record(stream(batches[:1]), (Phase("all", 9.0),), lambda *_: None).muted


def test_a_file_has_no_rate_and_all_of_it_is_recorded() -> None:
    source = FakeSource(MONO)
    for begin in range(0, len(SOUND), 500):
        source.put(SOUND[begin : begin + 500])
    source.fail(EOFError())
    result = record(stream(file_batches(source)), (Phase("all", 300.0),), lambda *_: None)
    assert result.pcm == SOUND
    assert result.rate is None


def test_a_longer_file_is_cut_where_the_time_is_over() -> None:
    batches = [Batch(SOUND, None, 0, 0, False)] * 10
    assert len(record(stream(batches), (Phase("all", 2.5),), lambda *_: None).pcm) == 3 * len(SOUND)


def test_it_never_holds_much_more_than_its_limit() -> None:
    piece = bytes(recording_module.LIMIT_BYTES // 4)
    batches = (Batch(piece, None, 0, 0, False) for _ in range(100))
    result = record(stream(batches), (Phase("all", 1e9),), lambda *_: None)
    assert recording_module.LIMIT_BYTES <= len(result.pcm) <= recording_module.LIMIT_BYTES + len(piece)


@given(st.lists(st.integers(1, 4_000), min_size=1, max_size=20))
def test_no_sample_is_lost_or_doubled(sizes: list[int]) -> None:
    pieces = [np.full(size, number, "<i2").tobytes() for number, size in enumerate(sizes)]
    batches = [Batch(piece, None, 0, 0, False) for piece in pieces]
    assert record(stream(batches), (Phase("all", 300.0),), lambda *_: None).pcm == b"".join(pieces)


def test_a_live_source_tells_sound_overruns_and_when_there_is_no_more() -> None:
    source = FakeSource(MONO, period_s=0.001)
    source.put(b"ab")
    source.put(b"", overrun=True)
    source.put(b"cd")
    batches = live_batches(source)
    told = [next(batches) for _ in range(4)]
    assert [batch.pcm for batch in told] == [b"ab", b"", b"cd", b""]
    assert [batch.overruns for batch in told] == [0, 1, 1, 1]
    assert [batch.drained_at_s is not None for batch in told] == [False, False, False, True]


def test_a_live_source_without_sound_is_given_up() -> None:
    now_s = iter(range(100))
    batches = live_batches(FakeSource(MONO, period_s=0.001), lambda: float(next(now_s)))
    with pytest.raises(DeviceLost, match="no sound for 5 s"):
        list(batches)
