"""What comes out of a decoder."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import index

from satellite.core.audio import AudioFormat, Int16, samples_of
from satellite.core.errors import ChannelsOutOfRange, RateOutOfRange, SatelliteError
from satellite.core.waiting import Bell
from satellite.dsp.convert import HIGHEST_HZ, LOWEST_HZ, MOST_CHANNELS, Converter, check

WAITING_S = 10.0
Sound = tuple[AudioFormat, bytes]


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A stretch of decoded sound.

    Attributes:
        data: 16-bit little-endian PCM, channels interleaved.
        sample_rate: in Hz.
        num_channels: how many samples there are of each moment.
    """

    data: bytes = field(repr=False)
    sample_rate: int
    num_channels: int

    @property
    def samples_per_channel(self) -> int:
        """Its length in moments."""
        return len(self.data) // (2 * self.num_channels)

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.samples_per_channel / self.sample_rate

    @property
    def samples(self) -> Int16:
        """A read-only int16 array of shape (n,) for one channel, (n, channels) for more."""
        return samples_of(self.data, self.num_channels)


@dataclass(slots=True)
class Losses:
    """What of a stream could not be decoded and was left out, counted since its beginning."""

    packets: int = 0
    skipped_bytes: int = 0


class Conformer:
    """Makes frames of one rate and channel count out of sound of any, which may change in its course.

    Args:
        rate_hz, channels: of what goes out; None for those of the first sound.

    Raises:
        RateOutOfRange, ChannelsOutOfRange: they cannot be made.
        TypeError: they are no whole numbers.
    """

    def __init__(self, rate_hz: int | None, channels: int | None) -> None:
        rate_hz = None if rate_hz is None else index(rate_hz)
        channels = None if channels is None else index(channels)
        if rate_hz is not None and not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            raise RateOutOfRange(f"a sample rate of {rate_hz} Hz: {LOWEST_HZ} to {HIGHEST_HZ} Hz can be made")
        if channels is not None and not 1 <= channels <= MOST_CHANNELS:
            raise ChannelsOutOfRange(f"{channels} channels: 1 to {MOST_CHANNELS} can be made")
        self._rate_hz = rate_hz
        self._channels = channels
        self._form: AudioFormat | None = None
        self._converter: Converter | None = None

    def frames(self, sound: Sound) -> Iterator[AudioFrame]:
        """What can be given out now.

        Raises:
            AudioFormatError: no Converter takes such a sound.
        """
        form, pcm = sound
        if form != self._form:
            check(form)
            yield from self.flush()
            self._form = form
            self._rate_hz = self._rate_hz or form.rate_hz
            self._channels = self._channels or form.channels
            self._converter = Converter(form, self._rate_hz, self._channels, prompt=True)
        if self._converter:
            yield from self._frame(self._converter.process(pcm))

    def flush(self) -> Iterator[AudioFrame]:
        """What the converter still holds."""
        if self._converter:
            yield from self._frame(self._converter.flush())

    def _frame(self, samples: Int16) -> Iterator[AudioFrame]:
        if len(samples) and self._rate_hz and self._channels:
            yield AudioFrame(samples.astype("<i2", copy=False).tobytes(), self._rate_hz, self._channels)


class FrameQueue:
    """Frames from one thread to another, at most WAITING_S of sound and one frame more; then how it ended."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._frames: deque[AudioFrame] = deque()
        self._waiting_s = 0.0
        self._error: BaseException | None = None
        self._ended = False
        self.writer_left = False
        """The thread that puts is at its end."""

    @property
    def waiting_s(self) -> float:
        """How much waits."""
        return self._waiting_s

    @property
    def ended(self) -> bool:
        """Nothing will come after what waits."""
        return self._ended

    def put(self, frame: AudioFrame) -> bool:
        """Add a frame, waiting for room; False when nobody wants it."""
        with self._bell:
            self._bell.wait(lambda: self._waiting_s < WAITING_S or self._ended)
            if not self._ended:
                self.add(frame)
            return not self._ended

    def add(self, frame: AudioFrame) -> None:
        """Add a frame without waiting. The caller holds the lock."""
        self._frames.append(frame)
        self._waiting_s += frame.duration_s
        self._bell.ring()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come, because of an error or not. The first call counts."""
        with self._bell:
            if not self._ended:
                self._ended, self._error = True, error
                self._bell.ring()

    def leave(self) -> None:
        """The writer's last call."""
        with self._bell:
            self.writer_left = True
            self._bell.ring()

    def close(self) -> None:
        """Nobody wants what waits, nor how it ended."""
        with self._bell:
            self._frames.clear()
            self._waiting_s = 0.0
            self._ended, self._error = True, None
            self._bell.ring()

    def ready(self) -> bool:
        """There is something to take: a frame, or the end. The caller holds the lock."""
        return bool(self._frames) or self._ended

    def take(self) -> AudioFrame | None:
        """The next frame; None at the end. The caller holds the lock and knows that it is ready.

        Raises:
            SatelliteError: decoding failed at this place. Every further call raises again.
        """
        if not self._frames:
            if self._error is None:
                return None
            raise self._error if isinstance(self._error, SatelliteError) else RuntimeError("decoding broke off")
        frame = self._frames.popleft()
        # Floats that are added and taken away leave a rest.
        self._waiting_s = self._waiting_s - frame.duration_s if self._frames else 0.0
        self._bell.ring()
        return frame
