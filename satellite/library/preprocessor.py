"""The same preparation for sound that comes from elsewhere."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from satellite.core.audio import AudioFormat, Float32, Int16, to_float32
from satellite.core.errors import SamplesUnfit, SettingOutOfRange
from satellite.dsp.convert import Converter
from satellite.dsp.echo import EchoStatistics
from satellite.library.conditioning import conditioning
from satellite.library.echo import Echo
from satellite.library.options import PreprocessorOptions
from satellite.library.settings import settings_of


class Preprocessor:
    """One stream's preparation: 16-bit samples go in, float32 of one channel at one rate comes out.

    ```
    prepare = Preprocessor(48_000, 2, highpass_hz=20, agc="slow")
    for pcm in stream:
        model(prepare.process(pcm))
    ```

    Each stream needs one of its own: its filters go on from piece to piece. The same sound gives the same samples,
    however it is cut.

    Args:
        input_rate, input_channels: of what goes in, interleaved; of several channels the mean is taken.
        sample_rate: of what comes out.
        options: aec, aec_tail_ms, aec_suppression, highpass_hz, noise_suppression, gain_db, agc, agc_target_dbfs,
            limiter_dbfs and peak_normalise_dbfs, as Microphone has them; none of them is on by itself.

    Raises:
        ArgumentError: something is out of range.
        AudioFormatError: there is no such rate or channel count.
        EngineMissing: the extra [webrtc], or SpeexDSP, is asked for and not there.
    """

    def __init__(
        self,
        input_rate: int = 16_000,
        input_channels: int = 1,
        *,
        sample_rate: int = 16_000,
        **options: Unpack[PreprocessorOptions],
    ) -> None:
        settings = settings_of("Preprocessor", PreprocessorOptions, options, sample_rate=sample_rate)
        self._converter = Converter(AudioFormat(input_rate, input_channels, 2), sample_rate, 1)
        self._conditioning = conditioning(settings)
        self._time = _SoundTime(sample_rate)
        self._echo = Echo(settings, self._time) if settings.aec else None

    def process(self, pcm: bytes | npt.NDArray[Any]) -> Float32:
        """What is ready now, shape (n,), from -1 to 1: blocks and rate conversion hold sound back.

        Args:
            pcm: little-endian bytes, or an int16 array, (frames,) or (frames, channels).

        Raises:
            SamplesUnfit: they are of another type.
        """
        return _mono(self._conditioning.process(self._echoless(self._converter.process(_bytes(pcm)))))

    def flush(self) -> Float32:
        """The rest. Afterwards a new stream begins; the slow gain stays as it was."""
        last = self._echoless(self._converter.flush())
        if self._echo:
            last = np.concatenate((last, self._echo.canceller.lost(0)[:, None]))
        return _mono(np.concatenate((self._conditioning.process(last), self._conditioning.flush())))

    def push_aec_reference(self, pcm: bytes | npt.NDArray[Any], sample_rate: int = 16_000, channels: int = 1) -> None:
        """What is played while the next samples of process() are heard, or later: before or after them, in order.

        Its echo may come up to 0.9 s later. What is pushed more than 2 s ahead is dropped, counted, and silence.

        Args:
            pcm: as for process().
            sample_rate, channels: of it.

        Raises:
            SettingOutOfRange: it cancels no echo.
            SamplesUnfit: they are of another type.
            AudioFormatError: there is no such rate or channel count.
        """
        self._cancelled().push(_bytes(pcm), AudioFormat(sample_rate, channels, 2))

    def aec_metrics(self) -> EchoStatistics:
        """How well the echo is cancelled, how late it is, and what was lost. Raises SettingOutOfRange as above."""
        return self._cancelled().statistics()

    @property
    def clipped_samples(self) -> int:
        """So far, that were too loud for 16 bits after gain."""
        return self._conditioning.clipped

    def _cancelled(self) -> Echo:
        if self._echo is None:
            raise SettingOutOfRange("no echo is cancelled here: make it with aec=True")
        return self._echo

    def _echoless(self, frames: Int16) -> Int16:
        if self._echo is None:
            return frames
        self._time.frames += len(frames)
        return self._echo.canceller.process(frames[:, 0], self._time())[:, None]


class _SoundTime:
    """Seconds of the sound that was heard: nothing here looks at a clock."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.frames = 0

    def __call__(self) -> float:
        return self.frames / self._rate_hz


def _bytes(pcm: object) -> bytes:
    if isinstance(pcm, bytes | bytearray | memoryview):
        return bytes(pcm)
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16:
        what = f"an array of {pcm.dtype}" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise SamplesUnfit(f"{what}: bytes or an array of int16 will do")
    return pcm.astype("<i2", copy=False).tobytes()


def _mono(frames: Int16) -> Float32:
    return to_float32(frames[:, 0])
