"""A microphone for threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from satellite.core.errors import ReadTimedOut
from satellite.library import devices
from satellite.library.at_once import MicrophoneAtOnce
from satellite.library.chunks import Chunk
from satellite.library.incoming import End
from satellite.library.options import AgcMode, NoiseSuppression, Samples, SampleType, VadMode
from satellite.library.settings import InputSettings


class Microphone(MicrophoneAtOnce):
    """Sound in chunks of one size, and whether somebody speaks.

    ```
    with Microphone(vad="silero") as mic:
        for chunk in mic:
            print(len(chunk), mic.is_speaking)
    ```

    A thread of its own reads the device from start to stop, so that nothing is lost between two reads; `queue_chunks`
    wait at most, then the oldest are dropped and counted. One object may be started, stopped, and started again.

    Args:
        sample_rate: of the chunks, 1,000 to 384,000 Hz; the device is converted to it.
        channels: 1 to 32, interleaved. From a device with more, one channel is the mean of all.
        frames_per_buffer: frames (samples of every channel) in a chunk, 64 to 65,536. Only the last chunk before the
            end of a device may be shorter.
        dtype: "int16", or "float32" from -1 to 1; little-endian.
        device: number in `input_devices()`; or a device's id, or any part of its name in any case; `wav:FILE`, heard
            once; `command:PROGRAM`, which writes 16-bit PCM to its standard output. None: the system's default.
        vad: speech detection: False, "silero" (a model, on ONNX Runtime), "energy" (root mean square) or "webrtc" (a
            small detector without a model; needs the extra [webrtc]; takes much noise for speech).
        vad_threshold: score from which sound is speech, 0 to 1. None: 0.5 for "silero", 0.01 for "energy". For "webrtc"
            0.25, 0.5, 0.75 and 1 are its aggressiveness 0, 1, 2 and 3; None: 0.5.
        vad_holdoff_ms: so much sound below the threshold ends `is_speaking`.
        model_path: another file of Silero's model, version 5 or 6; used with vad="silero" only.
        as_ndarray: chunks are arrays, (frames,) or (frames, channels), instead of bytes.
        channel: hear only this channel of the device, from 0; or these, as many as `channels`, in this order, each as
            often as you like. None: all, see channels.
        aec: take out what a `Speaker(heard_by=...)` plays, or what `push_aec_reference` tells: first of all, before
            speech detection. For one channel at 8,000 to 48,000 Hz; needs SpeexDSP (Debian's libspeexdsp1). Up to 20 ms
            late while something plays; while nothing does, the sound passes as it is.
        aec_tail_ms: how long the room echoes at most, 16 to 500. Longer costs more, and learns more slowly.
        aec_suppression: press down what the canceller leaves of the echo.
        highpass_hz: take away what is lower, 1 Hz to a quarter of the rate: 20 an offset, 80 to 100 rumble, too. Speech
            detection hears the sound before this and everything below.
        noise_suppression: "low", "medium", "high" or "highest": press down what is no voice by up to 6, 12, 18 or 21
            dB, 26 to 28 ms later. Needs the extra [webrtc], and 16, 32 or 48 kHz.
        gain_db: louder or quieter, -40 to 40; what does not fit is clipped.
        agc: gain that follows the voice: "slow" rises by 6 dB/s to `agc_target_dbfs` and has a limiter, 20 ms later;
            "webrtc" has its own idea of the target, and needs what noise_suppression needs.
        agc_target_dbfs: level of voices that the slow gain aims at, -40 to -3.
        limiter_dbfs: turn down what would be above this, -3 to 0, instead of clipping, 20 ms later. None: no limiter;
            the slow gain's is at -1.
        peak_normalise_dbfs: bring the peak of every 10 ms to this, -60 to 0. For comparison only: pauses become as loud
            as speech.
        queue_chunks: how many chunks may wait to be read, 1 to 65,536. None: 64, but a second at least.

    Raises:
        ArgumentError: something is out of range. Each has its own class below it.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 16_000,
        channels: int = 1,
        frames_per_buffer: int = 1_600,
        dtype: SampleType = "int16",
        device: int | str | None = None,
        vad: VadMode = False,
        vad_threshold: float | None = None,
        vad_holdoff_ms: float = 300,
        model_path: str | Path | None = None,
        as_ndarray: bool = False,
        channel: int | Sequence[int] | None = None,
        aec: bool = False,
        aec_tail_ms: float = 256.0,
        aec_suppression: bool = True,
        highpass_hz: float | None = None,
        noise_suppression: NoiseSuppression = False,
        gain_db: float = 0.0,
        agc: AgcMode = False,
        agc_target_dbfs: float = -18.0,
        limiter_dbfs: float | None = None,
        peak_normalise_dbfs: float | None = None,
        queue_chunks: int | None = None,
    ) -> None:
        super().__init__(
            InputSettings(
                sample_rate=sample_rate,
                channels=channels,
                frames_per_buffer=frames_per_buffer,
                dtype=dtype,
                device=device,
                vad=vad,
                vad_threshold=vad_threshold,
                vad_holdoff_ms=vad_holdoff_ms,
                model_path=model_path,
                as_ndarray=as_ndarray,
                channel=channel,
                aec=aec,
                aec_tail_ms=aec_tail_ms,
                aec_suppression=aec_suppression,
                highpass_hz=highpass_hz,
                noise_suppression=noise_suppression,
                gain_db=gain_db,
                agc=agc,
                agc_target_dbfs=agc_target_dbfs,
                limiter_dbfs=limiter_dbfs,
                peak_normalise_dbfs=peak_normalise_dbfs,
                queue_chunks=queue_chunks,
            )
        )

    def start(self) -> None:
        """Open the device, and load the speech model if there is to be one. Speech detection begins anew.

        Raises:
            AlreadyRunning: it was started before, and not stopped since.
            DeviceError: it does not open; the class says why, the text what to do.
            ModelError: the speech model is missing or damaged.
            ForkedProcess: this is another process than the one that made it.
        """
        self.incoming.open()

    def stop(self) -> None:
        """Close the device; a read that waits in another thread returns None. Twice is harmless; never raises."""
        self.incoming.close()

    def close(self) -> None:
        """The same as stop()."""
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def read(self, timeout_ms: float | None = None) -> Samples | None:
        """The next chunk's samples; None when the stream is over: it was stopped, or the device was a file.

        Raises:
            ReadTimedOut: none came for so long.
            NotRunning: it was never started.
            DeviceLost: the device failed or was unplugged; all that came before was read.
            ForkedProcess: as start.
        """
        chunk = self.read_with_metadata(timeout_ms)
        return None if chunk is None else chunk.data

    def read_with_metadata(self, timeout_ms: float | None = None) -> Chunk | None:
        """The next chunk with its time, number and speech; None and errors as read()."""
        self.incoming.check_process()
        timeout_s = None if timeout_ms is None else timeout_ms / 1000
        got: Chunk | End | None = self.incoming.bell.wait(self.incoming.next, timeout_s)
        return chunk_or_end(got)

    def iter_with_metadata(self) -> Iterator[Chunk]:
        """The chunks until the stream is over. Raises as read()."""
        while (chunk := self.read_with_metadata()) is not None:
            yield chunk

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Samples:
        samples = self.read()
        if samples is None:
            raise StopIteration
        return samples

    @staticmethod
    def input_devices() -> list[devices.DeviceInfo]:
        """All microphones; as the function of this name."""
        return devices.input_devices()


def chunk_or_end(got: Chunk | End | None) -> Chunk | None:
    """What a read returns for what its wait gave. Raises ReadTimedOut."""
    if got is None:
        raise ReadTimedOut("no chunk came in time")
    return None if got is End.END else got
