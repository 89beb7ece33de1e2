"""The thread that owns a speaker while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from satellite.core.errors import AudioFormatError, DeviceUnsupported, NotRunning
from satellite.core.ports import Sink
from satellite.core.waiting import Bell
from satellite.dsp.mixer import Mixer
from satellite.library.lane import Lane, Strand
from satellite.library.run import Run

if TYPE_CHECKING:
    from satellite.dsp.reference import Reference

# A card that stands still never plays what it holds.
_MARGIN_S = 0.5
_FULL = 100


class Outlet(Run):
    """Opens a speaker in a thread of its own and plays what is put into its lanes, mixed, until it is stopped.

    A lane that has too little for a period is silent in the rest of it while others go on. When nothing more comes at
    all, what is there is played to its end, and the card rests until more comes.

    Args:
        open_sink: opens the speaker; called in the thread.
        lanes: guarded by the bell; may come and go.
        reference: is told what is played, and when; None: nobody is.
        bell, before: as Run.
    """

    def __init__(
        self,
        open_sink: Callable[[], Sink],
        lanes: Sequence[Lane],
        bell: Bell,
        reference: Reference | None = None,
        before: Outlet | None = None,
    ) -> None:
        super().__init__("speaker", bell, before)
        self._open_sink = open_sink
        self._lanes = lanes
        self._reference = reference
        self._strands: dict[Lane, Strand] = {}
        self._written = 0
        self.underruns = 0
        # Below: guarded by the bell.
        self._resting = True
        self.description = ""
        self._sink: Sink | None = None

    def halt(self) -> None:
        """Silence, at once."""
        self.running = False
        for lane in self._lanes:
            lane.clear()
        if self._sink:
            self._sink.give_up()

    # Attempts, for the bell to wait for.

    def offer(self, lane: Lane, pcm: memoryview, writer: object) -> int:
        """Queue as much of this, whole frames, as there is room for; how many bytes that was."""
        self.raise_error()
        if not self.running or lane not in self._lanes:
            raise NotRunning("the speaker was stopped: call start() first" if lane in self._lanes else "it was removed")
        count = lane.put(pcm, writer)
        if count:
            self.bell.ring()
        return count

    def drained(self, lane: Lane) -> bool:
        """All that was put there has been heard, or was discarded by a stop."""
        self.raise_error()
        return not (self.running and lane.playing)

    # Below here: the thread.

    def work(self) -> None:
        sink = self._sink = self._open_sink()
        try:
            self._use(sink)
        finally:
            sink.close()

    def _use(self, sink: Sink) -> None:
        mixer = Mixer(sink.format.channels, sink.format.rate_hz)
        try:
            for lane in self._lanes:
                self._strand(lane, sink, mixer)
        except AudioFormatError as error:
            raise DeviceUnsupported(f"{sink.description}: {error}") from None
        with self.bell:
            self.description, self.opened = sink.description, True
            self.bell.ring()
        while not self._stopping.is_set():
            full = any(strand.ready >= sink.period_frames for strand in self._strands.values())
            bites = self.bell.wait(
                lambda: self._stopping.is_set() or self._bites(sink.period_frames), 0 if full else self._lead_s(sink)
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
            self.bell.ring()
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
        with self.bell:
            for lane, strand in self._strands.items():
                if lane.sounding and strand.over and not lane.waiting and strand.end <= self._written - queued:
                    lane.sounding = False
                    self.bell.ring()

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
            if self.bell.wait(self._wanted, min(queued, sink.period_frames) / rate_hz):
                return
        sink.drain()
        with self.bell:
            self._resting = not any(lane.waiting for lane in self._lanes)
        self._heard(0)

    def _wanted(self) -> bool:
        return self._stopping.is_set() or any(lane.waiting for lane in self._lanes)
