"""From any PCM stream to 16-bit samples at one rate and channel count."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np

from satellite.core.audio import AudioFormat, Int16
from satellite.core.encoding import BY_WIDTH, decode
from satellite.core.errors import AudioFormatError
from satellite.dsp.resample import Resampler

MEAN = -1
# Beyond these a peer is mistaken, not ambitious.
LOWEST_HZ, HIGHEST_HZ = 1_000, 384_000
MOST_CHANNELS = 32


def check(form: AudioFormat) -> None:
    """Raises AudioFormatError when a Converter cannot take this format."""
    counts: tuple[object, ...] = (form.rate_hz, form.channels)
    if not all(isinstance(count, SupportsIndex) for count in counts):
        raise AudioFormatError(f"{form.rate_hz!r} Hz, {form.channels!r} channels: whole numbers are wanted")
    if not LOWEST_HZ <= form.rate_hz <= HIGHEST_HZ:
        raise AudioFormatError(f"{form.rate_hz} Hz: only {LOWEST_HZ} to {HIGHEST_HZ} Hz can be converted")
    if not 1 <= form.channels <= MOST_CHANNELS:
        raise AudioFormatError(f"{form.channels} channels: only 1 to {MOST_CHANNELS} can be converted")
    if form.width_bytes not in BY_WIDTH:
        raise AudioFormatError(f"{form.width_bytes} bytes a sample: only 1 to 4 can be converted")


class Converter:
    """A stream's bytes in one format to int16 samples in another; the same for any cutting.

    One channel goes to all; several go one to one when the counts agree, else their mean goes to all.

    Args:
        form: of what comes in.
        rate_hz, channels: of what goes out.
        channel: take only this one of the incoming channels, from 0; or these, as many as go out, each as often as
            wanted; MEAN takes all.
        prompt: give the first samples early (see Resampler).

    Raises:
        AudioFormatError: the format, or the channel, does not exist.
    """

    def __init__(
        self,
        form: AudioFormat,
        rate_hz: int,
        channels: int,
        channel: int | tuple[int, ...] = MEAN,
        *,
        prompt: bool = False,
    ) -> None:
        check(form)
        picked = (channel,) if isinstance(channel, int) else channel
        if max(picked) >= form.channels:
            raise AudioFormatError(f"there is no channel {max(picked)}: it has {form.channels}, counted from 0")
        self._form = form
        self._encoding = BY_WIDTH[form.width_bytes]
        self._channels = channels
        self._channel = picked[0] if len(picked) == 1 else list(picked)
        self._straight = len(picked) > 1 or (channel == MEAN and form.channels == channels)
        self._resampler = Resampler(form.rate_hz, rate_hz, channels if self._straight else 1, prompt=prompt)
        self._rest = b""

    def process(self, pcm: bytes) -> Int16:
        """What can be given out now, shape (n, channels). A part of a frame waits for its other part."""
        whole, self._rest = self._whole_frames(pcm)
        return self._spread(self._resampler.process(self._narrowed(decode(whole, self._encoding))))

    def flush(self) -> Int16:
        """The rest, shape (n, channels); a part of a frame is dropped. Afterwards a new stream begins."""
        self._rest = b""
        return self._spread(self._resampler.flush())

    def _whole_frames(self, pcm: bytes) -> tuple[bytes, bytes]:
        joined = self._rest + pcm if self._rest else pcm
        end = len(joined) - len(joined) % self._form.frame_bytes
        return (joined, b"") if end == len(joined) else (joined[:end], joined[end:])

    def _narrowed(self, flat: Int16) -> Int16:
        if self._form.channels == 1 and isinstance(self._channel, int):
            return flat
        frames = flat.reshape(-1, self._form.channels)
        if self._channel != MEAN:
            return frames[:, self._channel]
        return frames if self._straight else _mean(frames)

    def _spread(self, samples: Int16) -> Int16:
        if samples.ndim == 1:
            samples = samples[:, None]
        return samples if samples.shape[1] == self._channels else np.repeat(samples, self._channels, axis=1)


def _mean(frames: Int16) -> Int16:
    count = frames.shape[1]
    mean: Int16 = ((frames.sum(axis=1, dtype=np.int32) + count // 2) // count).astype(np.int16)
    return mean
