"""Listening to the microphone of a running satellite."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from control.daemon import Daemon
from fakes_device import FakeSource, wait_until

from satellite.control.listening import Listening, listen_in
from satellite.control.tap import QUEUE_S, Tap
from satellite.core.audio import AudioFormat
from satellite.core.errors import ControlError

FORM = AudioFormat(16_000, 2, 2)
# Every pair of bytes tells its place.
FIRST = b"\1\0\1\0"
SOUND = np.arange(1, 8_001, dtype="<i2").tobytes()


class Microphone:
    """Somebody who reads a microphone, as the capture thread does, in pieces of 512 bytes."""

    def __init__(self) -> None:
        self.muted = False
        self.tap = Tap(lambda: self.muted, first_sound_s=1.0, patience_s=0.3)
        self.fake = FakeSource(FORM)
        self.source = self.tap.around(self.fake)

    def hear(self, pcm: bytes, overrun: bool = False) -> bytes:
        """What the capture thread gets."""
        for begin in range(0, len(pcm), 512):
            self.fake.put(pcm[begin : begin + 512], overrun and begin == 0)
        heard = b""
        while captured := self.source.read().pcm:
            heard += captured
        return heard


@pytest.fixture
def mic() -> Microphone:
    return Microphone()


@pytest.fixture
def path(tmp_path: Path, mic: Microphone) -> Iterator[Path]:
    with Daemon(tmp_path / "satellite.sock", tap=mic.tap) as daemon:
        yield daemon.path


@contextmanager
def listening_to(mic: Microphone, path: Path, seconds: float = 10.0) -> Iterator[Listening]:
    """A listener who has been welcomed, with the first two samples still to be read by it."""
    over = threading.Event()

    def live() -> None:
        while not mic.tap.statistics().active and not over.wait(0.005):
            pass
        mic.hear(FIRST)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with listen_in(path, seconds) as listening:
            thread.join()
            yield listening
    finally:
        over.set()
        thread.join()


def heard_by_listener(path: Path, mic: Microphone, say: Callable[[], object], count: int) -> bytes:
    """The first bytes that a listener gets after its welcome while `say` is said."""
    with listening_to(mic, path) as listening:
        assert listening.format == FORM
        assert listening.description == mic.fake.description
        say()
        sound = b""
        for batch in listening.batches:
            sound += batch.pcm
            if len(sound) >= count + len(FIRST):
                break
    assert sound[: len(FIRST)] in (FIRST, bytes(len(FIRST)))
    return sound[len(FIRST) :]


def test_the_listener_hears_all_channels_as_they_came_and_so_does_the_satellite(mic: Microphone, path: Path) -> None:
    captured = []
    assert heard_by_listener(path, mic, lambda: captured.append(mic.hear(SOUND)), len(SOUND)) == SOUND
    assert captured == [SOUND]


def test_a_muted_microphone_is_silent_for_the_listener_too(mic: Microphone, path: Path) -> None:
    mic.muted = True
    assert heard_by_listener(path, mic, lambda: mic.hear(SOUND), len(SOUND)) == bytes(len(SOUND))


def test_what_was_heard_before_a_mute_and_not_yet_told_is_silent_too(mic: Microphone, path: Path) -> None:
    queue_told = threading.Event()

    def hear_then_mute() -> None:
        # Between two looks of the loop, or not: in either case nothing of it is told after the mute.
        mic.hear(SOUND)
        mic.muted = True
        queue_told.set()
        mic.hear(SOUND)

    sound = heard_by_listener(path, mic, hear_then_mute, 2 * len(SOUND))
    assert queue_told.is_set()
    assert sound[len(SOUND) :] == bytes(len(SOUND))
    assert sound[: len(SOUND)] in (SOUND, bytes(len(SOUND)))


def test_overruns_and_the_moments_without_more_are_told(mic: Microphone, path: Path) -> None:
    with listening_to(mic, path) as listening:
        mic.hear(SOUND, overrun=True)
        last = next(batch for batch in listening.batches if batch.overruns)
        assert last.drained_at_s is not None


def test_a_listener_that_does_not_read_costs_the_satellite_nothing(mic: Microphone, path: Path) -> None:
    with listening_to(mic, path):
        second = bytes(FORM.second_bytes)
        while not mic.tap.statistics().dropped_bytes:
            assert mic.hear(second) == second
        # It does not even go; it is put out.
        wait_until(lambda: bool(mic.hear(second)) and not mic.tap.statistics().active)
    assert mic.tap.statistics().dropped_bytes > 0
    assert QUEUE_S * FORM.second_bytes < 1 << 20


def test_the_satellite_says_in_log_and_status_who_listens(
    mic: Microphone, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with listening_to(mic, path, 7.5):
        statistics = mic.tap.statistics()
        assert (statistics.active, statistics.times) == (True, 1)
        assert statistics.process > 0
        assert f"process {statistics.process} listens to the microphone, for at most 7.5 s" in caplog.text
    wait_until(lambda: "no longer listens" in caplog.text)
    assert not mic.tap.statistics().active


def test_one_may_listen_at_a_time(mic: Microphone, path: Path) -> None:
    with (
        listening_to(mic, path),
        pytest.raises(ControlError, match="somebody else"),
        listen_in(path, 1.0),
    ):
        pass


@pytest.mark.parametrize("seconds", [0, -1, 601])
def test_for_how_long_is_bounded(path: Path, seconds: float) -> None:
    with pytest.raises(ControlError, match="must be more than 0 and at most 600"), listen_in(path, seconds):
        pass


def test_it_is_over_when_the_time_is(mic: Microphone, path: Path) -> None:
    with listening_to(mic, path, 0.2) as listening:
        assert b"".join(batch.pcm for batch in listening.batches) == FIRST
    wait_until(lambda: not mic.tap.statistics().active)


def test_a_microphone_that_comes_back_with_another_format_ends_it(mic: Microphone, path: Path) -> None:
    with listening_to(mic, path, 60.0) as listening:
        other = mic.tap.around(FakeSource(AudioFormat(48_000, 1, 2)))
        other.read()
        assert b"".join(batch.pcm for batch in listening.batches) in (b"", FIRST)


def test_a_microphone_without_sound_is_said_so(path: Path) -> None:
    with pytest.raises(ControlError, match="gives no sound"), listen_in(path, 1.0):
        pass


def test_a_satellite_without_a_tap_refuses(tmp_path: Path) -> None:
    with (
        Daemon(tmp_path / "other.sock") as daemon,
        pytest.raises(ControlError, match="not understood"),
        listen_in(daemon.path, 1.0),
    ):
        pass


@pytest.mark.parametrize(
    "answer",
    [
        b'{"ok": {}}\n',
        b'{"ok": {"format": {"rate_hz": 0, "channels": 1, "width_bytes": 2}}}\n',
        b"nonsense\n",
        b"",
        b'{"ok": {"format": {"rate_hz": 16000, "channels": 1, "width_bytes": 2}}}\n{"bytes": -1}\n',
    ],
)
def test_nonsense_in_place_of_an_answer_is_one_line(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def talk() -> None:
            connection, _ = listener.accept()
            with connection:
                json.loads(connection.makefile("rb").readline())
                connection.sendall(answer)

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(ControlError), listen_in(tmp_path / "s", 1.0) as listening:
            list(listening.batches)
        thread.join()
