"""Recording a microphone for its test: all its channels, as they come, with what the clock says about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from satellite.control.tap import Batch
from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceLost
from satellite.core.ports import Source
from satellite.diagnostics.clock import Rate, RateMeter
from satellite.diagnostics.measure import Span

# Half a minute of eight channels at 192 kHz, half an hour of what a satellite hears.
LIMIT_BYTES = 64 << 20
NO_SOUND_S = 3.0
# Cards click, and settle, when they start.
SETTLING_S = 0.2


@dataclass(frozen=True, slots=True)
class Stream:
    """Sound that can be recorded.

    Attributes:
        description: where it comes from, for a person.
        place: whose volume is to be changed: "card USB".
        live: it comes in real time.
    """

    format: AudioFormat
    description: str
    place: str
    live: bool
    batches: Iterator[Batch]


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the test. `prompt`: what the person is asked to do; "": nothing."""

    name: str
    seconds: float
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded.

    Attributes:
        pcm: whole frames, 16-bit.
        rate: by the clock; None for a file, and when it was too short.
        overruns: how often the card lost sound.
        dropped_s: sound that this test, not the card, lost.
        muted: the satellite was, at least for a time.
        spans: phase to its seconds.
    """

    stream: Stream
    pcm: bytes
    rate: Rate | None
    overruns: int
    dropped_s: float
    muted: bool
    spans: Mapping[str, Span]


Show = Callable[[Phase, float, bytes], None]


def live_batches(source: Source, clock: Callable[[], float] = time.monotonic) -> Iterator[Batch]:
    """What an open microphone gives, for ever.

    Raises:
        DeviceLost: it fails, or gives no sound.
    """
    overruns = 0
    heard_s, patience_s = clock(), source.first_sound_s
    while True:
        captured = source.read()
        now_s = clock()
        overruns += captured.overrun
        if captured.pcm or captured.overrun:
            heard_s, patience_s = now_s, NO_SOUND_S
            yield Batch(captured.pcm, None, overruns, 0, False)
            continue
        if now_s - heard_s > patience_s:
            raise DeviceLost(f"{source.description}: no sound for {patience_s:g} s")
        yield Batch(b"", now_s, overruns, 0, False)
        time.sleep(source.period_s / 2)


def file_batches(source: Source) -> Iterator[Batch]:
    """What a file holds, at once."""
    while True:
        try:
            yield Batch(source.read().pcm, None, 0, 0, False)
        except EOFError:
            return


def record(
    stream: Stream, phases: Sequence[Phase], show: Show, clock: Callable[[], float] = time.monotonic
) -> Recording:
    """Record all phases, or as much as there is.

    Args:
        show: is told, for every piece of sound, the phase, the seconds left of it, and the PCM.
        clock: seconds, monotonic.
    """
    tape = _Tape(stream, clock)
    for batch in stream.batches:
        tape.take(batch)
        phase, left_s = tape.phase(phases)
        if phase is None:
            break
        show(phase, left_s, batch.pcm)
    return tape.recording()


class _Tape:
    """What has been recorded so far."""

    def __init__(self, stream: Stream, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._pcm = bytearray()
        self._meter = RateMeter()
        self._settling_bytes = round(SETTLING_S * stream.format.rate_hz) * stream.format.frame_bytes * stream.live
        self._frames = self._losses = self._overruns = self._dropped_bytes = 0
        self._muted = False
        self._began_s: float | None = None
        self._begins: dict[str, float] = {}

    def take(self, batch: Batch) -> None:
        self._frames += len(batch.pcm) // self._stream.format.frame_bytes
        if (losses := batch.overruns + batch.dropped_bytes) > self._losses:
            self._losses = losses
            self._meter.lost()
        if batch.drained_at_s is not None:
            self._meter.drained(batch.drained_at_s, self._frames)
        self._overruns, self._dropped_bytes = batch.overruns, batch.dropped_bytes
        self._muted |= batch.muted
        settling = min(len(batch.pcm), self._settling_bytes)
        self._settling_bytes -= settling
        self._pcm += batch.pcm[settling:]

    def phase(self, phases: Sequence[Phase]) -> tuple[Phase | None, float]:
        """The phase that it is in, and how much is left of it; None when all are over."""
        elapsed_s = self._elapsed_s()
        end_s = 0.0
        for phase in phases:
            end_s += phase.seconds
            if elapsed_s < end_s and len(self._pcm) < LIMIT_BYTES:
                self._begins.setdefault(phase.name, self._recorded_s)
                return phase, end_s - elapsed_s
        return None, 0.0

    def recording(self) -> Recording:
        ends_s = [*list(self._begins.values())[1:], self._recorded_s]
        spans = zip(self._begins.values(), ends_s, strict=True) if self._begins else ()
        return Recording(
            stream=self._stream,
            pcm=bytes(self._pcm[: len(self._pcm) - len(self._pcm) % self._stream.format.frame_bytes]),
            rate=self._meter.rate() if self._stream.live else None,
            overruns=self._overruns,
            dropped_s=self._dropped_bytes / self._stream.format.second_bytes,
            muted=self._muted,
            spans=MappingProxyType(dict(zip(self._begins, spans, strict=True))),
        )

    @property
    def _recorded_s(self) -> float:
        return len(self._pcm) / self._stream.format.second_bytes

    def _elapsed_s(self) -> float:
        """Of a live recording by the clock, since its first sound: a card whose rate is wrong must not stretch it."""
        if not self._stream.live:
            return self._recorded_s
        if self._began_s is None:
            if not self._pcm:
                return 0.0
            self._began_s = self._clock()
        return self._clock() - self._began_s
