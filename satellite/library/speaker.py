"""A speaker for threads."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from satellite.library import devices, versions
from satellite.library.outgoing import Outgoing, SpeakerStatistics
from satellite.library.settings import OutputSettings, Samples, SampleType


class Speaker:
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
        queue_ms: how much sound may wait to be played, 20 to 60,000; a write waits for room.

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
    ) -> None:
        self._outgoing = Outgoing(
            OutputSettings(sample_rate=sample_rate, channels=channels, dtype=dtype, device=device, queue_ms=queue_ms)
        )

    @property
    def settings(self) -> OutputSettings:
        """What was asked for."""
        return self._outgoing.settings

    def start(self) -> None:
        """Open the device. When it is open already, nothing happens.

        Raises:
            DeviceError: it does not open; the class says why, the text what to do.
            ForkedProcess: this is another process than the one that made it.
        """
        self._outgoing.begin()
        try:
            self._outgoing.bell.wait(self._outgoing.opening)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Be silent at once: what was not heard yet is discarded; close the device. Twice is harmless."""
        outlet = self._outgoing.end()
        if outlet:
            outlet.join()

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
        outlet, rest = self._outgoing.outlet, self._outgoing.pcm(samples)
        while rest:
            rest = rest[self._outgoing.bell.wait(lambda: outlet.offer(rest)) or 0 :]  # noqa: B023 - called at once

    def drain(self) -> None:
        """Wait until all that was written has been heard, or a stop discards it.

        Raises:
            NotRunning: it was never started.
            DeviceLost: the device failed or was unplugged.
            ForkedProcess: as start.
        """
        self._outgoing.bell.wait(self._outgoing.outlet.drained)

    @property
    def is_open(self) -> bool:
        """It was started, and neither stopped nor lost since."""
        return self._outgoing.is_open

    @property
    def is_playing(self) -> bool:
        """Something that was written is still to be heard."""
        return self._outgoing.is_playing

    def statistics(self) -> SpeakerStatistics:
        """What happened since the start."""
        return self._outgoing.statistics()

    @staticmethod
    def output_devices() -> list[devices.OutputDeviceInfo]:
        """All speakers; as the function of this name."""
        return devices.output_devices()

    @staticmethod
    def version() -> versions.VersionInfo:
        """The versions at work; as the function of this name."""
        return versions.version()

    def __repr__(self) -> str:
        return told(self, self.settings, self.is_open)


def told(thing: object, settings: OutputSettings, is_open: bool) -> str:
    """A repr: what was asked for, and whether it is open."""
    return (
        f"{type(thing).__name__}(sample_rate={settings.sample_rate}, channels={settings.channels}, "
        f"dtype={settings.dtype!r}, device={settings.device!r}, {'open' if is_open else 'closed'})"
    )
