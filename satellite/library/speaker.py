"""A speaker for threads."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from satellite.library import devices
from satellite.library.at_once import MicrophoneAtOnce, SpeakerAtOnce
from satellite.library.options import Samples, SampleType
from satellite.library.settings import OutputSettings


class Speaker(SpeakerAtOnce):
    """Plays what is written to it.

    ```
    with Speaker(sample_rate=22_050) as speaker:
        speaker.write(pcm)
    ```

    Leaving the `with` waits until all was heard; leaving it by an exception does not.

    Args:
        sample_rate: of what is written, 1,000 to 384,000 Hz; it is converted to what the device has.
        channels: of what is written, 1 to 32, interleaved.
        dtype: of what is written: "int16", or "float32" from -1 to 1 (louder is clipped, no numbers are silence).
        device: number in `output_devices()`; or a device's id, or any part of its name in any case; `wav:FILE`, which
            is replaced; `command:PROGRAM`, which reads 16-bit PCM on its standard input. None: the system's default.
        queue_ms: how much sound may wait to be played, 20 to 60,000; a write waits for room. Each track has as much.
        buffer_ms: how much of it the device may hold, 40 to 2,000: less is heard sooner, more bears a busy machine.
        heard_by: a Microphone or AsyncMicrophone with aec=True in the same room: it takes out what is played here.

    Raises:
        ArgumentError: something is out of range. Each has its own class below it.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 16_000,
        channels: int = 1,
        dtype: SampleType = "int16",
        device: int | str | None = None,
        queue_ms: float = 1_000,
        buffer_ms: float = 100,
        heard_by: MicrophoneAtOnce | None = None,
    ) -> None:
        super().__init__(
            OutputSettings(
                sample_rate=sample_rate,
                channels=channels,
                dtype=dtype,
                device=device,
                queue_ms=queue_ms,
                buffer_ms=buffer_ms,
            ),
            heard_by,
        )

    def start(self) -> None:
        """Open the device. When it is open already, nothing happens.

        Raises:
            DeviceError: it does not open; the class says why, the text what to do.
            AlreadyRunning: another speaker is open that the microphone of `heard_by` hears, or something was pushed.
            ForkedProcess: this is another process than the one that made it.
        """
        self._outgoing.open()

    def stop(self) -> None:
        """Be silent at once: what was not heard yet is discarded; close the device. Twice is harmless; never raises."""
        self._outgoing.close()

    def close(self) -> None:
        """The same as stop()."""
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._outgoing.is_open:
                self.drain()
        finally:
            self.stop()

    def write(self, samples: Samples) -> None:
        """Queue samples to be played; waits while `queue_ms` of sound wait already.

        Args:
            samples: of the agreed dtype: bytes, interleaved and little-endian, whole frames; or an array, (frames,) for
                one channel or (frames, channels). Both may be mixed from call to call.

        Raises:
            SamplesUnfit: of another type or shape; a TypeError, too.
            NotRunning: it was not started, or was stopped.
            DeviceLost: the device failed or was unplugged.
            ForkedProcess: as start.
        """
        self._main.write(samples)

    def drain(self) -> None:
        """Wait until all that was written, to tracks, too, has been heard, or a stop discards it.

        Raises:
            NotRunning: it was never started.
            DeviceLost: the device failed or was unplugged.
            ForkedProcess: as start.
        """
        self._outgoing.bell.wait(self._outgoing.drained)

    @staticmethod
    def output_devices() -> list[devices.OutputDeviceInfo]:
        """All speakers; as the function of this name."""
        return devices.output_devices()
