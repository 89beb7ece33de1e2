"""The same preparation for sound that comes from elsewhere."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from satellite.core.audio import AudioFormat, Float32, Int16, to_float32
from satellite.core.errors import SamplesUnfit
from satellite.dsp.convert import Converter
from satellite.library.conditioning import conditioning
from satellite.library.settings import InputSettings, ProcessingOptions


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
        options: highpass_hz, noise_suppression, gain_db, agc, agc_target_dbfs, limiter_dbfs and peak_normalise_dbfs, as
            Microphone has them; none of them is on by itself.

    Raises:
        ArgumentError: something is out of range.
        AudioFormatError: there is no such rate or channel count.
        EngineMissing: the extra [webrtc] is asked for and not there.
    """

    def __init__(
        self,
        input_rate: int = 16_000,
        input_channels: int = 1,
        *,
        sample_rate: int = 16_000,
        **options: Unpack[ProcessingOptions],
    ) -> None:
        settings = InputSettings(sample_rate=sample_rate, **options)
        self._converter = Converter(AudioFormat(input_rate, input_channels, 2), sample_rate, 1)
        self._conditioning = conditioning(settings)

    def process(self, pcm: bytes | npt.NDArray[Any]) -> Float32:
        """What is ready now, shape (n,), from -1 to 1: blocks and rate conversion hold sound back.

        Args:
            pcm: little-endian bytes, or an int16 array, (frames,) or (frames, channels).

        Raises:
            SamplesUnfit: the array is of another type.
        """
        if not isinstance(pcm, bytes):
            if pcm.dtype != np.int16:
                raise SamplesUnfit(f"an array of {pcm.dtype}: int16 will do")
            pcm = pcm.astype("<i2", copy=False).tobytes()
        return _mono(self._conditioning.process(self._converter.process(pcm)))

    def flush(self) -> Float32:
        """The rest. Afterwards a new stream begins; the slow gain stays as it was."""
        last = self._conditioning.process(self._converter.flush())
        return _mono(np.concatenate((last, self._conditioning.flush())))

    @property
    def clipped_samples(self) -> int:
        """So far, that were too loud for 16 bits after gain."""
        return self._conditioning.clipped


def _mono(frames: Int16) -> Float32:
    return to_float32(frames[:, 0])
