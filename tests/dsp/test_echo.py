"""The echo canceller: what was played is gone, all else is there, and while nothing plays nothing is touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr
from broken_speex import broken_speex
from echo_room import BEGIN_S, Room, for_speaker, hear, voice, writes
from hypothesis import given, settings
from hypothesis import strategies as st
from speech import clip

from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.dsp import speex
from satellite.dsp.echo import EchoCanceller
from satellite.dsp.reference import Reference

pytestmark = pytest.mark.skipif(bool(speex.missing()), reason="libspeexdsp1 is not installed")

QUIET = Room(noise=10)


def canceller() -> tuple[EchoCanceller, Reference]:
    reference = Reference()
    return EchoCanceller(reference, speex.SpeexCanceller()), reference


def microphone(room: Room, far: Int16, near: Int16 | float = 0.0) -> Int16:
    sound = room.echo(for_speaker(far))[: len(far)] + near
    return np.rint(sound + np.random.default_rng(1).normal(0, room.noise, len(sound))).clip(-32768, 32767).astype("<i2")


def lowered_db(before: Int16, after: Int16, begin_s: float, end_s: float) -> float:
    span = slice(round(begin_s * RATE_HZ), round(end_s * RATE_HZ))
    powers = [float(np.mean(sound[span].astype(np.float64) ** 2)) for sound in (before, after)]
    return 10 * np.log10(powers[0] / powers[1])


@pytest.mark.parametrize("delay_ms", [20, 60, 300, 600])
def test_an_echo_of_any_delay_is_taken_out_and_its_delay_is_told(delay_ms: int) -> None:
    far, room = voice(16), Room(delay_s=delay_ms / 1000)
    heard, (echo, reference) = microphone(room, far), canceller()
    left = hear(for_speaker(far), heard, room, echo=echo, reference=reference)
    assert lowered_db(heard, left, 8, 16) > 20
    assert echo.statistics().delay_ms == pytest.approx(delay_ms, abs=1)


@pytest.mark.parametrize("ppm", [100.0, -100.0])
def test_clocks_that_differ_are_found_out_and_made_up_for(ppm: float) -> None:
    far, room = voice(40), Room(ppm=ppm)
    heard, (echo, reference) = microphone(room, far), canceller()
    left = hear(for_speaker(far), heard, room, echo=echo, reference=reference)
    assert echo.statistics().ppm == pytest.approx(ppm, abs=3)
    assert lowered_db(heard, left, 25, 39) > 20


def test_who_speaks_at_the_same_time_keeps_their_level() -> None:
    far = np.resize(
        np.concatenate([clip(name) for name in ("alexa", "hey_mycroft", "open_door", "stop")]), 20 * RATE_HZ
    )
    said = np.concatenate([clip(name) for name in ("kitchen_light", "what_time", "timer")])
    near, room = np.zeros(len(far), np.int16), Room()
    near[12 * RATE_HZ :][: len(said)] = said
    heard, (echo, reference) = microphone(room, far, near), canceller()
    left = hear(for_speaker(far), heard, room, echo=echo, reference=reference)[12 * RATE_HZ :]
    left, said = left[: len(said)].astype(np.float64), said.astype(np.float64)
    gain = float(left @ said) / float(said @ said)
    assert 20 * np.log10(gain) == pytest.approx(0, abs=1)
    rest = left - gain * said
    assert 10 * np.log10(gain**2 * float(said @ said) / float(rest @ rest)) > 5


def test_while_nothing_plays_the_sound_passes_at_once_and_as_it_is() -> None:
    echo, reference = canceller()
    sound = voice(2)
    for at in range(0, len(sound), 256):
        part = sound[at : at + 256]
        np.testing.assert_array_equal(echo.process(part, BEGIN_S + (at + len(part)) / RATE_HZ), part)
        reference.wrote(bytes(512), AudioFormat(RATE_HZ, 1, 2), 768, BEGIN_S + at / RATE_HZ)
    assert echo.held == 0
    assert not echo.active
    assert echo.statistics().cancelled_s == 0


def test_two_seconds_after_the_last_sound_it_passes_as_it_is_again() -> None:
    far, near = np.zeros(8 * RATE_HZ, np.int16), voice(8, seed=5)
    far[RATE_HZ : 2 * RATE_HZ] = voice(1)
    heard, (echo, reference) = microphone(QUIET, far, near), canceller()
    left = hear(for_speaker(far), heard, QUIET, echo=echo, reference=reference)
    assert not np.array_equal(left[RATE_HZ : 4 * RATE_HZ], heard[RATE_HZ : 4 * RATE_HZ])
    np.testing.assert_array_equal(left[round(4.3 * RATE_HZ) :], heard[round(4.3 * RATE_HZ) :])
    assert len(left) == len(heard)


def test_the_room_is_remembered_from_one_sound_to_the_next() -> None:
    far = voice(24)
    far[12 * RATE_HZ : 18 * RATE_HZ] = 0
    heard, (echo, reference) = microphone(QUIET, far), canceller()
    left = hear(for_speaker(far), heard, QUIET, echo=echo, reference=reference)
    assert lowered_db(heard, left, 0.1, 0.6) < 10
    assert lowered_db(heard, left, 18.1, 18.6) > 15


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 3 * RATE_HZ), max_size=40))
def test_any_cutting_gives_the_same_samples_and_as_many(cuts: list[int]) -> None:
    far = np.zeros(3 * RATE_HZ, np.int16)
    far[RATE_HZ // 5 : RATE_HZ] = voice(0.8)
    heard = microphone(QUIET, far)
    whole, pieces = (passed(heard, far, at) for at in ([], sorted(cuts)))
    assert len(whole) == len(heard)
    assert not np.array_equal(whole, heard)
    np.testing.assert_array_equal(pieces, whole)


def passed(heard: Int16, far: Int16, cuts: list[int]) -> Int16:
    """All was written to the speaker before."""
    echo, reference = canceller()
    reference.wrote(far.tobytes(), AudioFormat(RATE_HZ, 1, 2), len(far), BEGIN_S)
    parts, at = [], 0
    for part in np.split(heard, cuts):
        at += len(part)
        parts.append(echo.process(part, BEGIN_S + at / RATE_HZ))
    return np.concatenate([*parts, echo.flush()])


def test_what_is_held_and_what_came_out_are_what_went_in() -> None:
    far = voice(3)
    heard, (echo, reference) = microphone(QUIET, far), canceller()
    reference.wrote(for_speaker(far).tobytes(), AudioFormat(48_000, 1, 2), 48_000 * 3, BEGIN_S)
    out = 0
    for at, size in enumerate([1, 159, 160, 0, 7, 400, 1_000, 3]):
        begin = out + echo.held
        out += len(echo.process(heard[begin : begin + size], BEGIN_S + (begin + size) / RATE_HZ))
        assert begin + size == out + echo.held, at
        assert echo.held < 2 * speex.BLOCK
    assert echo.active
    held = echo.held
    assert len(echo.lost(1_234)) == held
    assert echo.held == 0
    begin = out + held
    assert len(echo.process(heard[begin : begin + 100], BEGIN_S + (begin + 1_334) / RATE_HZ)) + echo.held == 100


def test_when_the_delay_changes_it_is_found_again() -> None:
    far = voice(30)
    early, late = (Room(delay_s=delay_s).echo(for_speaker(far))[: len(far)] for delay_s in (0.06, 0.4))
    heard = np.rint(np.concatenate((early[: 8 * RATE_HZ], late[8 * RATE_HZ :]))).astype(np.int16)
    echo, reference = canceller()
    left = hear(for_speaker(far), heard, QUIET, echo=echo, reference=reference)
    assert echo.statistics().delay_ms == pytest.approx(400, abs=1)
    assert lowered_db(heard, left, 27, 30) > 15


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_it_works_at_other_rates_too(rate_hz: int) -> None:
    far, room = voice(10), Room(delay_s=0.3)
    heard = soxr.resample(microphone(room, far), RATE_HZ, rate_hz)
    reference = Reference(rate_hz)
    echo = EchoCanceller(reference, speex.SpeexCanceller(rate_hz))
    schedule = writes(for_speaker(far), room, reference)
    write_s, passed = next(schedule), []
    for at in range(0, len(heard), 441):
        part = heard[at : at + 441]
        newest_s = BEGIN_S + (at + len(part)) / rate_hz
        while write_s <= newest_s:
            write_s = next(schedule, np.inf)
        passed.append(echo.process(part, newest_s))
    left = np.concatenate([*passed, echo.flush()])
    assert len(left) == len(heard)
    begin, end = 6 * rate_hz, 9 * rate_hz
    assert 20 * np.log10(np.std(heard[begin:end]) / np.std(left[begin:end])) > 20
    assert echo.statistics().delay_ms == pytest.approx(300, abs=1)


def test_without_suppression_only_the_filter_is_at_work() -> None:
    far = voice(12)
    lowered = []
    for suppress in (True, False):
        reference = Reference()
        echo = EchoCanceller(reference, speex.SpeexCanceller(suppress=suppress))
        heard = microphone(QUIET, far)
        left = hear(for_speaker(far), heard, QUIET, echo=echo, reference=reference)
        lowered.append(lowered_db(heard, left, 8, 12))
    assert lowered[0] > lowered[1] + 5 > 15


class Broken(speex.SpeexCanceller):
    """It fails at its hundredth block, once, and from the two hundredth on for ever."""

    blocks = 0

    def process(self, near: Int16, far: Int16) -> Int16:
        self.blocks += 1
        if self.blocks == 100 or self.blocks >= 200:
            raise ArithmeticError("it cannot")
        return super().process(near, far)


def test_where_the_canceller_fails_the_sound_goes_on_as_it_came(caplog: pytest.LogCaptureFixture) -> None:
    far, reference = voice(4), Reference()
    echo, heard = EchoCanceller(reference, Broken()), microphone(QUIET, far)
    left = hear(for_speaker(far), heard, QUIET, echo=echo, reference=reference)
    assert len(left) == len(heard)
    np.testing.assert_array_equal(left[round(2.5 * RATE_HZ) :], heard[round(2.5 * RATE_HZ) :])
    assert not np.array_equal(left[: 2 * RATE_HZ], heard[: 2 * RATE_HZ])
    assert echo.statistics().failures > 100
    assert echo.statistics().off
    assert [record.getMessage() for record in caplog.records] == [
        "the echo canceller failed: it cannot; sound passes as it comes",
        "the echo canceller is off: it cannot; sound passes as it comes",
    ]


def test_a_library_that_does_harm_is_given_up_with_one_line_and_the_sound_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    far, reference = voice(6), Reference()
    broken = speex.SpeexCanceller(name=str(broken_speex(tmp_path)))
    echo, heard = EchoCanceller(reference, broken), microphone(QUIET, far)
    left = hear(for_speaker(far), heard, QUIET, echo=echo, reference=reference)
    assert len(left) == len(heard)
    assert not np.array_equal(left[:RATE_HZ], heard[:RATE_HZ])
    np.testing.assert_array_equal(left[3 * RATE_HZ :], heard[3 * RATE_HZ :])
    assert echo.statistics().failures == 1
    assert echo.statistics().off
    assert [record.getMessage() for record in caplog.records] == [
        "the echo canceller is off: what comes out of it is louder than what goes in; sound passes as it comes"
    ]


MEMORY = """
import numpy as np
from echo_room import Room, for_speaker, hear, voice
from satellite.dsp import speex
from satellite.dsp.echo import EchoCanceller
from satellite.dsp.reference import Reference

def kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

far, room = voice(10), Room()
played = for_speaker(far)
heard = np.rint(room.echo(played)[: len(far)]).astype(np.int16)
before = kib()
reference = Reference()
echo = EchoCanceller(reference, speex.SpeexCanceller())
hear(played, heard, room, echo=echo, reference=reference)
assert echo.statistics().delay_ms is not None
print(kib() - before)
"""


def test_it_takes_little_memory_the_search_for_the_delay_included() -> None:
    tests = Path(__file__).parent.parent
    program = f"import sys; sys.path[:0] = [{str(tests)!r}, {str(tests.parent)!r}]\n{MEMORY}"
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert 0 < int(grown) < 10 * 1024
