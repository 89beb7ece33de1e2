"""The thread that owns a speaker while it runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from satellite.core.errors import AudioFormatError, DeviceLost, DeviceUnsupported, NotRunning, SatelliteError
from satellite.core.ports import Sink
from satellite.core.waiting import Bell
from satellite.dsp.mixer import Mixer
from satellite.dsp.reference import Reference
from satellite.library.lane import Lane, Strand

log = logging.getLogger(__name__)

_JOIN_S = 5.0
# A card that stands still never plays what it holds.
_MARGIN_S = 0.5
_FULL = 100


class Outlet:
    """Opens a speaker in a thread of its own and plays what is put into its lanes, mixed, until it is stopped.

    A lane that has too little for a period is silent in the rest of it while others go on. When nothing more comes at
    all, what is there is played to its end, and the card rests until more comes.

    Args:
        open_sink: opens the speaker; called in the thread.
        lanes: guarded by the bell; may come and go.
        bell: guards what others look at, and tells them of every change.
        reference: is told what is played, and when; None: nobody is.
        before: may still hold the device, or be about to get it: it is waited for first.
    """

    def __init__(
        self,
        open_sink: Callable[[], Sink],
        lanes: Sequence[Lane],
        bell: Bell,
        reference: Reference | None = None,
        before: Outlet | None = None,
    ) -> None:
        self._open_sink = open_sink
        self._lanes = lanes
        self._bell = bell
        self._reference = reference
        self._before = before
        self._thread = threading.Thread(target=self._run, name="satellite-speaker", daemon=True)
        self._strands: dict[Lane, Strand] = {}
        self._written = 0
        self.underruns = 0
        # Below: guarded by the bell.
        self._resting = True
        self._stopping = False
        self.running = True
        self.opened = False
        self.description = ""
        self.error: SatelliteError | None = None
        self._sink: Sink | None = None

    def start(self) -> None:
        """Begin. Once."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to be silent and to end; whoever waits is woken. From any thread; twice is harmless."""
        with self._bell:
            self._stopping, self.running = True, False
            for lane in self._lanes:
                lane.clear()
            if self._sink:
                self._sink.give_up()
            self._bell.ring()

    def join(self) -> None:
        """Wait until the device is closed; for one that is just being opened, some seconds at most."""
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            log.error("the speaker's thread did not stop within %s s", _JOIN_S)

    # Attempts, for the bell to wait for.

    def offer(self, lane: Lane, pcm: memoryview, writer: object) -> int:
        """Queue as much of this, whole frames, as there is room for; how many bytes that was."""
        self._check()
        if not self.running or lane not in self._lanes:
            raise NotRunning("the speaker was stopped: call start() first" if lane in self._lanes else "it was removed")
        count = lane.put(pcm, writer)
        if count:
            self._bell.ring()
        return count

    def drained(self, lane: Lane) -> bool:
        """All that was put there has been heard, or was discarded by a stop."""
        self._check()
        return not (self.running and lane.playing)

    def _check(self) -> None:
        if self.error:
            raise self.error.with_traceback(None)

    # Below here: the thread.

    def _run(self) -> None:
        error: SatelliteError | None = None
        if self._before:
            self._before.join()
            self._before = None
        try:
            sink = self._sink = self._open_sink()
            try:
                self._use(sink)
            finally:
                sink.close()
        except SatelliteError as failure:
            error = None if self._stopping else failure
        except Exception as bug:
            log.exception("the speaker's thread ended")
            error = DeviceLost(f"the speaker's thread ended: {bug!r}")
        with self._bell:
            self.running, self.error = False, error
            self._bell.ring()

    def _use(self, sink: Sink) -> None:
        mixer = Mixer(sink.format.channels, sink.format.rate_hz)
        try:
            for lane in self._lanes:
                self._strand(lane, sink, mixer)
        except AudioFormatError as error:
            raise DeviceUnsupported(f"{sink.description}: {error}") from None
        with self._bell:
            self.description, self.opened = sink.description, True
            self._bell.ring()
        while not self._stopping:
            full = any(strand.ready >= sink.period_frames for strand in self._strands.values())
            bites = self._bell.wait(
                lambda: self._stopping or self._bites(sink.period_frames), 0 if full else self._lead_s(sink)
            )
            if isinstance(bites, list):
                for lane, pcm in bites:
                    self._strand(lane, sink, mixer).convert(pcm)
            elif not bites:
                (self._play if full else self._finish)(sink, mixer)
        sink.drop()

    def _strand(self, lane: Lane, sink: Sink, mixer: Mixer) -> Strand:
        if lane not in self._strands:
            form = sink.format
            self._strands[lane] = Strand(lane.form, form.rate_hz, form.channels, mixer.fader(1.0))
        return self._strands[lane]

    def _bites(self, period: int) -> list[tuple[Lane, bytes]]:
        """An attempt: the next bytes of each lane that has less than a period ready."""
        for gone in [lane for lane in self._strands if lane not in self._lanes]:
            del self._strands[gone]
        short = [lane for lane in self._lanes if lane not in self._strands or self._strands[lane].ready < period]
        bites = [(lane, pcm) for lane in short if (pcm := lane.bite())]
        if bites:
            self._resting = False
            self._bell.ring()
        return bites

    def _lead_s(self, sink: Sink) -> float | None:
        """How long the next bytes may take to come without a gap; None: for ever, for nothing plays."""
        if self._resting:
            return None
        return max(0.0, (sink.queued_frames() - sink.period_frames) / sink.format.rate_hz)

    def _play(self, sink: Sink, mixer: Mixer) -> None:
        """Write a period: what each lane has."""
        period = sink.period_frames
        for strand in self._strands.values():
            if strand.ready < period:
                strand.flush()
        sounding = [strand for strand in self._strands.values() if strand.ready]
        pcm = mixer.mix([(strand.take(period), strand.fader) for strand in sounding], period, _FULL).tobytes()
        sink.write(pcm)
        self._written += period
        for strand in sounding:
            strand.end = self._written
        self.underruns = sink.underruns
        queued = sink.queued_frames()
        if self._reference:
            self._reference.wrote(pcm, sink.format, queued, time.monotonic())
        self._heard(queued)

    def _heard(self, queued: int) -> None:
        """Tell who waits for the end of a lane that has had its last."""
        with self._bell:
            for lane, strand in self._strands.items():
                if lane.sounding and strand.over and not lane.waiting and strand.end <= self._written - queued:
                    lane.sounding = False
                    self._bell.ring()

    def _finish(self, sink: Sink, mixer: Mixer) -> None:
        """Nothing more came in time: play what is left, its last period filled with silence.

        A period of silence follows: who writes at the pace of the card is ahead of it from now on.
        """
        for strand in self._strands.values():
            strand.flush()
        while any(strand.ready for strand in self._strands.values()):
            self._play(sink, mixer)
        self._play(sink, mixer)
        rate_hz = sink.format.rate_hz
        deadline_s = time.monotonic() + sink.queued_frames() / rate_hz + _MARGIN_S
        while (queued := sink.queued_frames()) and time.monotonic() < deadline_s:
            self._heard(queued)
            if self._bell.wait(self._wanted, min(queued, sink.period_frames) / rate_hz):
                return
        sink.drain()
        with self._bell:
            self._resting = not any(lane.waiting for lane in self._lanes)
        self._heard(0)

    def _wanted(self) -> bool:
        return self._stopping or any(lane.waiting for lane in self._lanes)
