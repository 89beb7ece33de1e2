"""From the bytes of a device or a file to chunks of one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from satellite.core.audio import AudioFormat, Int16
from satellite.dsp.convert import Converter
from satellite.library.conditioning import conditioning
from satellite.library.options import Samples
from satellite.library.samples import given
from satellite.library.settings import InputSettings
from satellite.library.speaking import Detector, HoldOff

if TYPE_CHECKING:
    from satellite.dsp.echo import EchoCanceller


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A stretch of sound, and what is known of it.

    Attributes:
        data: bytes, interleaved, little-endian; or, with as_ndarray, an array of shape (frames,) for one channel and
            (frames, channels) above. int16, or float32 from -1 to 1.
        timestamp: when its last sample came: seconds of time.monotonic(). In a File: seconds since its beginning.
        sequence: its number, from 0 at each start.
        is_speaking: somebody spoke at its end, or within the hold-off before; False without vad.
        vad_score: of the last stretch judged up to its end, 0 to 1; 0.0 without vad.
    """

    data: Samples = field(repr=False)
    timestamp: float
    sequence: int
    is_speaking: bool
    vad_score: float


class Heard(NamedTuple):
    """A chunk, and for how many seconds after it "speaking" holds if nothing more is heard."""

    chunk: Chunk
    speaking_s: float


class Chunker:
    """Converts, judges, conditions and cuts a stream. The same bytes give the same chunks, however they arrive.

    Args:
        form: of the bytes that come in.
        detector: fresh, or None. It hears the sound before it is conditioned.
        echo: takes what is played out of the sound, before all else; None: nothing does.

    Raises:
        AudioFormatError: the format, or the chosen channel, does not exist.
    """

    def __init__(
        self,
        settings: InputSettings,
        form: AudioFormat,
        detector: Detector | None,
        echo: EchoCanceller | None = None,
    ) -> None:
        self._settings = settings
        self._converter = Converter(form, settings.sample_rate, settings.channels, settings.picked)
        self._echo = echo
        if echo:
            # What it knows of the room it keeps; this is another stream.
            echo.lost(0)
        self.conditioning = conditioning(settings)
        self._detector = detector
        self._holdoff = HoldOff(settings.threshold, settings.vad_holdoff_ms / 1000)
        # As it came, for the detector; and as it is given out, of which there may be less.
        self._heard_frames = np.zeros((0, settings.channels), np.int16)
        self._ready = self._heard_frames
        self._score = 0.0
        self._sequence = 0
        self._frames = 0
        self._time_s = 0.0

    def feed(self, pcm: bytes, now_s: float | None = None) -> list[Heard]:
        """The chunks that are complete with these bytes, which came at `now_s`; None: when the sound itself says."""
        return self._cut(self._echoless(self._converter.process(pcm), now_s), now_s)

    def lose(self, seconds: float, now_s: float) -> Iterator[list[Heard]]:
        """So much sound is missing up to `now_s`: silence takes its place, in pieces, behind all that came before."""
        rate_hz = self._settings.sample_rate
        left = round(seconds * rate_hz)
        began_s = now_s - seconds
        yield self._cut(self._echoless(self._converter.flush(), began_s), began_s)
        if self._echo:
            yield self._cut(self._echo.lost(left)[:, None], began_s)
        while left:
            piece = min(left, rate_hz)
            left -= piece
            yield self._cut(np.zeros((piece, self._settings.channels), np.int16), now_s - left / rate_hz)

    def flush(self, now_s: float | None = None) -> list[Heard]:
        """The rest: the last chunk may be shorter."""
        heard = self._cut(self._echoless(self._converter.flush(), now_s), now_s)
        if self._echo:
            heard += self._cut(self._echo.flush()[:, None], now_s)
        self._ready = np.concatenate((self._ready, self.conditioning.flush()))
        heard += self._chunks(now_s)
        if len(self._ready):
            heard.append(self._next(len(self._ready), now_s))
        return heard

    def _echoless(self, frames: Int16, now_s: float | None) -> Int16:
        if self._echo is None or now_s is None:
            return frames
        return self._echo.process(frames[:, 0], now_s)[:, None]

    def _cut(self, fresh: Int16, now_s: float | None) -> list[Heard]:
        given_out = self.conditioning.process(fresh)
        self._heard_frames = np.concatenate((self._heard_frames, fresh)) if len(self._heard_frames) else fresh
        self._ready = np.concatenate((self._ready, given_out)) if len(self._ready) else given_out
        return self._chunks(now_s)

    def _chunks(self, now_s: float | None) -> list[Heard]:
        size, heard = self._settings.frames_per_buffer, []
        while len(self._ready) >= size:
            heard.append(self._next(size, now_s))
        return heard

    def _next(self, size: int, now_s: float | None) -> Heard:
        block, self._heard_frames = self._heard_frames[:size], self._heard_frames[size:]
        given_out, self._ready = self._ready[:size], self._ready[size:]
        newer = len(self._heard_frames) + (self._echo.held if self._echo else 0)
        return self._heard(block, given_out, newer, now_s)

    def _heard(self, block: Int16, given_out: Int16, newer: int, now_s: float | None) -> Heard:
        """The next chunk: as it came, as it is given out; `newer` frames came after it up to now."""
        for scored in self._detector.process(block) if self._detector else ():
            self._score = scored.score
            self._holdoff.process(scored)
        self._frames += len(block)
        rate_hz = self._settings.sample_rate
        at_s = self._frames / rate_hz if now_s is None else now_s - newer / rate_hz
        # What came late may be followed at once by what came in time.
        self._time_s = max(self._time_s, at_s)
        lasts_s = self._holdoff.lasts_s
        data = given(given_out, self._settings.dtype, self._settings.as_ndarray)
        chunk = Chunk(data, self._time_s, self._sequence, lasts_s >= 0, self._score)
        self._sequence += 1
        return Heard(chunk, lasts_s)
