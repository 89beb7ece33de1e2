"""A microphone and a speaker without hardware, and a listener that writes down what it is told: small real programs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from satellite.core.audio import AudioFormat, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.errors import DeviceLost
from satellite.core.events import AudioLost, Event
from satellite.core.ports import Captured
from satellite.device.pacing import PlayClock


def wait_until(fact: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Until `fact()` holds; TimeoutError when it never does."""
    deadline_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not fact():
        if time.monotonic() > deadline_s:
            raise TimeoutError("it never came true")
        pause.wait(0.002)


class FakeSource:
    """Delivers what a test puts in: sound, overruns, a loss, an end."""

    def __init__(self, form: AudioFormat, period_s: float = 0.004) -> None:
        self.format = form
        self.period_s = period_s
        self.buffer_s = 2 * period_s
        self.first_sound_s = 5.0
        self.description = f"fake microphone ({form})"
        self.closed_in: list[threading.Thread] = []
        self._script: deque[Captured | BaseException] = deque()

    def put(self, pcm: bytes = b"", overrun: bool = False) -> None:
        self._script.append(Captured(pcm, overrun))

    def fail(self, error: BaseException) -> None:
        """Raise this, for ever."""
        self._script.append(error)

    def read(self) -> Captured:
        if self.closed_in:
            raise DeviceLost("closed")
        if not self._script:
            return Captured(b"")
        if isinstance(self._script[0], BaseException):
            raise self._script[0]
        return self._script.popleft()  # type: ignore[return-value]

    def close(self) -> None:
        self.closed_in.append(threading.current_thread())


class FakeSink:
    """Plays in real time, `speed` times as fast, and keeps what was heard."""

    def __init__(self, form: AudioFormat, speed: float = 1.0, period_ms: int = 10, buffer_ms: int = 50) -> None:
        self.format = form
        self.period_frames = form.rate_hz * period_ms // 1000
        self.description = f"fake speaker ({form})"
        self.may_hang = True
        self.closed_in: list[threading.Thread] = []
        self.writes_s: list[float] = []
        self.drops = self.drains = 0
        self._buffer = form.rate_hz * buffer_ms // 1000
        self._speed = speed
        self._clock = PlayClock(form.rate_hz, lambda: time.monotonic() * speed)
        self._pcm = bytearray()
        self._error: DeviceLost | None = None
        self._free = threading.Event()
        self._free.set()

    @property
    def underruns(self) -> int:
        return self._clock.underruns

    def fail(self, error: DeviceLost | None) -> None:
        """Every write raises this, until None."""
        self._error = error

    def hang(self) -> None:
        """Writes do not return, until `go`."""
        self._free.clear()

    def go(self) -> None:
        self._free.set()

    def write(self, pcm: bytes) -> None:
        self._free.wait()
        if self.closed_in:
            raise DeviceLost("closed")
        if self._error:
            raise self._error
        self.writes_s.append(time.monotonic())
        frames = len(pcm) // self.format.frame_bytes
        ahead = self._clock.queued + frames - self._buffer
        if ahead > 0:
            time.sleep(min(ahead, self._clock.queued) / self.format.rate_hz / self._speed)
        self._pcm += pcm
        self._clock.wrote(frames)

    def give_up(self) -> None:
        pass

    def queued_frames(self) -> int:
        return self._clock.queued

    def drop(self) -> None:
        self.drops += 1
        dropped = self._clock.rest()
        del self._pcm[len(self._pcm) - dropped * self.format.frame_bytes :]

    def drain(self) -> None:
        self.drains += 1
        time.sleep(self._clock.queued / self.format.rate_hz / self._speed)
        self._clock.rest()

    def close(self) -> None:
        self.closed_in.append(threading.current_thread())

    def heard(self) -> Int16:
        """All that was heard so far: int16, (n, channels)."""
        end = len(self._pcm) - self._clock.queued * self.format.frame_bytes
        return np.frombuffer(bytes(self._pcm[:end]), "<i2").reshape(-1, self.format.channels)


class Notebook:
    """A listener that writes down what it is told; `samples` stays whole, zeros where sound was lost."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.settings: list[ListenSettings] = []
        self.playing: list[bool] = []
        self.losses: list[AudioLost] = []
        self.flushed = False
        self._samples: list[Int16] = []
        self._count = 0

    def feed(self, frame: Frame, settings: ListenSettings, playing: bool) -> list[Event]:
        assert frame.start == self._count, "frames must be contiguous"
        assert frame.samples.dtype == np.int16
        assert frame.samples.ndim == 1
        self.frames.append(frame)
        self.settings.append(settings)
        self.playing.append(playing)
        self._add(frame.samples)
        return []

    def lost(self, count: int, cause: str) -> list[Event]:
        assert count > 0
        loss = AudioLost(self._count, count, cause)
        self.losses.append(loss)
        self._add(np.zeros(count, np.int16))
        return [loss]

    def took(self, samples: int, ms: float) -> list[Event]:
        return []

    def flush(self) -> list[Event]:
        self.flushed = True
        return []

    @property
    def count(self) -> int:
        """Samples so far, the lost ones included."""
        return self._count

    @property
    def samples(self) -> Int16:
        return np.concatenate([*self._samples, np.zeros(0, np.int16)])

    def _add(self, samples: Int16) -> None:
        self._samples.append(samples)
        self._count += len(samples)


class Mailbox:
    """Takes events from any thread, and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def post(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type) -> list[Event]:
        with self._changed:
            return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type, count: int = 1, timeout_s: float = 30.0) -> list[Event]:
        """At least `count` events of a kind; TimeoutError when they do not come."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._count(kind) >= count, timeout_s):
                raise TimeoutError(f"{self._count(kind)} of {count} {kind.__name__}: {self.events}")
        return self.of(kind)

    def _count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.events)
