"""A speaker as it can be started, written to and stopped, without saying who waits: a thread or a task."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.config import SpeakerConfig
from satellite.core.audio import AudioFormat, to_int16
from satellite.core.errors import DeviceUnsupported, ForkedProcess, NotRunning, SamplesUnfit
from satellite.core.ports import Sink
from satellite.core.waiting import Bell
from satellite.library.devices import opened
from satellite.library.outlet import Outlet
from satellite.library.settings import OutputSettings, Samples

_LOWEST_CARD_HZ, _HIGHEST_CARD_HZ = 8_000, 192_000


@dataclass(frozen=True, slots=True)
class SpeakerStatistics:
    """What a speaker has done since its start.

    Attributes:
        description: the open device and what it granted; "" before.
        underruns: how often the device ran dry in the middle of sound.
    """

    description: str = ""
    underruns: int = 0


class Outgoing:
    """The runs of a speaker, one at a time."""

    def __init__(self, settings: OutputSettings) -> None:
        self.settings = settings
        self.bell = Bell()
        self._process = os.getpid()
        self._outlet: Outlet | None = None
        self._forgotten = weakref.finalize(self, int)

    def check_process(self) -> None:
        """Raises ForkedProcess in a child of the process that made this."""
        if os.getpid() != self._process:
            raise ForkedProcess(
                f"this speaker belongs to process {self._process}, from which this one was forked: "
                "make it here, or start processes by 'spawn'"
            )

    def begin(self) -> None:
        """Start a run, unless one is under way. Raises ForkedProcess."""
        self.check_process()
        with self.bell:
            if self._outlet and self._outlet.running:
                return
            settings = self.settings
            form = AudioFormat(settings.sample_rate, settings.channels, 2)
            opening = _Opening(settings)
            outlet = self._outlet = Outlet(opening.open, form, settings.queue_ms / 1000, self.bell, self._outlet)
        # Whoever forgets to stop it, and then forgets it, does not keep the device.
        self._forgotten.detach()
        self._forgotten = weakref.finalize(self, outlet.stop)
        outlet.start()

    def opening(self) -> bool | None:
        """An attempt: True when the device is open. Raises DeviceError when it does not open."""
        outlet = self.outlet
        if outlet.error:
            raise outlet.error.with_traceback(None)
        return True if outlet.opened or not outlet.running else None

    @property
    def outlet(self) -> Outlet:
        """The run under way, or the last one. Raises NotRunning before the first, ForkedProcess elsewhere."""
        self.check_process()
        if self._outlet is None:
            raise NotRunning("the speaker was not started: use it in a with statement, or call start()")
        return self._outlet

    def end(self) -> Outlet | None:
        """Be silent, and stop the run: the device is closed soon. Returns whom to join."""
        self.check_process()
        if self._outlet:
            self._outlet.stop()
        return self._outlet

    @property
    def is_open(self) -> bool:
        """It can be written to."""
        return self._outlet is not None and self._outlet.running and os.getpid() == self._process

    @property
    def is_playing(self) -> bool:
        """Something waits to be heard, or is in the card."""
        return self._outlet is not None and self._outlet.playing

    def statistics(self) -> SpeakerStatistics:
        """Of the run under way, or the last one."""
        outlet = self._outlet
        return SpeakerStatistics(outlet.description, outlet.underruns) if outlet else SpeakerStatistics()

    def pcm(self, samples: Samples) -> memoryview:
        """What a person wrote, as 16-bit PCM. Raises SamplesUnfit."""
        if isinstance(samples, np.ndarray):
            return memoryview(self._narrowed(self._fitting(samples)).tobytes())
        if not isinstance(samples, bytes | bytearray | memoryview):
            raise SamplesUnfit(f"write() takes bytes or an array, not {type(samples).__name__}")
        data = bytes(samples)
        dtype = np.dtype(self.settings.dtype).newbyteorder("<")
        if len(data) % (dtype.itemsize * self.settings.channels):
            raise SamplesUnfit(
                f"{len(data)} bytes are no whole frames of {self.settings.channels} channel(s) of {self.settings.dtype}"
            )
        return memoryview(self._narrowed(np.frombuffer(data, dtype)).tobytes())

    def _fitting(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if array.dtype != self.settings.dtype:
            raise SamplesUnfit(f"the array holds {array.dtype}, and the speaker takes {self.settings.dtype}")
        channels = self.settings.channels
        if array.shape[1:] != (channels,) and not (array.ndim == 1 and channels == 1):
            raise SamplesUnfit(f"the array has shape {array.shape}, and the speaker takes (frames, {channels})")
        return array

    def _narrowed(self, samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if samples.dtype.kind == "i":
            return samples.astype("<i2", copy=False)
        # What is no number, or infinite, is silence.
        return to_int16(np.where(np.isfinite(samples), samples, np.float32(0))).astype("<i2", copy=False)


class _Opening:
    """What the thread needs: nothing of it leads back to the speaker."""

    def __init__(self, settings: OutputSettings) -> None:
        self._settings = settings

    def open(self) -> Sink:
        """The open speaker. Raises DeviceError."""
        from satellite.device.opening import open_sink

        sink = opened(self._settings.device, "playback", lambda name: open_sink(self._asked(name)))
        if sink is None:
            raise DeviceUnsupported("the speaker 'none' plays nothing: name a device, or wav:FILE")
        return sink

    def _asked(self, name: str) -> SpeakerConfig:
        rate_hz = min(max(self._settings.sample_rate, _LOWEST_CARD_HZ), _HIGHEST_CARD_HZ)
        return SpeakerConfig(device=name, rate_hz=rate_hz, channels=self._settings.channels)
