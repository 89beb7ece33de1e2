"""What the playback thread does with one open speaker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from satellite.core.ports import Sink
from satellite.device.voice import Voice
from satellite.device.voices import Voices
from satellite.dsp.mixer import Mixer

# With nothing to say, no more silence than this is written ahead: the next sound has to wait for it.
_LEAD_PERIODS = 2
# Of the time that the card should need for what it holds: a card may be faster than it says.
_WAIT_SHARE = 0.5
# A card whose position does not move for so long may be gone without a word: only a write finds out.
_STILL_S = 0.5


@dataclass
class PlayCounts:
    """What was done with all speakers so far: frames written, dry runs of the card, periods that came too late."""

    frames: int = 0
    underruns: int = 0
    starved: int = 0


class Player:
    """Writes all sounds into a speaker, a period at a time, and silence between them until it rests.

    Args:
        began: takes a sound whose first samples were just given to the speaker.
        heard: takes the sounds whose last sample has been heard.
        counts: is kept up.
        idle_s: rest after so much silence.
        percent: the volume at first.
    """

    def __init__(
        self,
        sink: Sink,
        voices: Voices,
        began: Callable[[Voice], None],
        heard: Callable[[Sequence[Voice]], None],
        counts: PlayCounts,
        *,
        idle_s: float,
        percent: int,
    ) -> None:
        self.resting = True
        """Nothing is written; the card stands still."""
        self.written_frames = 0
        self._writing_since_s: float | None = None
        self._queued_frames, self._moved_at_s = -1, 0.0
        self._counts = counts
        self._sink = sink
        self._voices = voices
        self._began = began
        self._heard = heard
        self._mixer = Mixer(sink.format.channels, percent)
        self._period = sink.period_frames
        self._quiet_frames = 0
        self._idle_frames = idle_s * sink.format.rate_hz

    def step(self, percent: int) -> None:
        """Write a period, or wait for a reason to.

        Raises:
            DeviceLost: by the speaker.
        """
        if self._voices.obey_cut() and not self.resting:
            self._sink.drop()
        self._report()
        voices, changes = self._voices.current()
        talking = [voice for voice in voices if self._fill(voice)]
        if self.resting and not talking:
            self._voices.wait(changes, None)
        elif all(voice.has(self._period) for voice in talking) and talking:
            self._write(talking, percent)
        elif not self._wait_for_more(changes):
            self._counts.starved += len(talking) > 0
            self._write(talking, percent)
            self._perhaps_rest()

    def hung_s(self) -> float:
        """How long the write under way has taken; 0 when none is. From any thread."""
        since_s = self._writing_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def _fill(self, voice: Voice) -> bool:
        """Make a period of it ready if that is possible; whether it has something to say."""
        form = self._sink.format
        while not voice.has(self._period):
            pcm = self._voices.bite(voice)
            if pcm is None:
                voice.flush()
            elif pcm:
                voice.convert(pcm, form.rate_hz, form.channels)
            else:
                break
        return voice.started or voice.has(self._period)

    def _wait_for_more(self, changes: int) -> bool:
        """Too little is there to be written: wait while the card has enough. False when it has not, or is stuck."""
        queued = self._sink.queued_frames()
        ahead = queued - _LEAD_PERIODS * self._period
        if ahead <= 0 or self._stands_still(queued):
            return False
        wait = max(ahead * _WAIT_SHARE, self._period / 4)
        self._voices.wait(changes, wait / self._sink.format.rate_hz)
        return True

    def _stands_still(self, queued_frames: int) -> bool:
        now_s = time.monotonic()
        if queued_frames != self._queued_frames:
            self._queued_frames, self._moved_at_s = queued_frames, now_s
        return now_s - self._moved_at_s > _STILL_S

    def _write(self, talking: Sequence[Voice], percent: int) -> None:
        blocks = [voice.take(self._period) for voice in talking]
        mixed = self._mixer.mix(blocks, self._period, percent)
        self.resting = False
        self._send(mixed.tobytes())
        for voice, block in zip(talking, blocks, strict=True):
            if not voice.started:
                voice.started = True
                self._began(voice)
            if voice.exhausted:
                self._voices.given(voice, self.written_frames + len(block))
        self.written_frames += self._period
        self._counts.frames += self._period
        self._quiet_frames = 0 if talking else self._quiet_frames + self._period

    def _send(self, pcm: bytes) -> None:
        before = self._sink.underruns
        self._writing_since_s = time.monotonic()
        try:
            self._sink.write(pcm)
        finally:
            self._writing_since_s = None
            self._counts.underruns += self._sink.underruns - before

    def _report(self) -> None:
        if self._voices.audible:
            done = self._voices.heard(self.written_frames - self._sink.queued_frames())
            if done:
                self._heard(done)

    def _perhaps_rest(self) -> None:
        if self._quiet_frames >= self._idle_frames and not self._voices.audible:
            self._sink.drain()
            self.resting = True
