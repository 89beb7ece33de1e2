"""What the playback thread does with one open speaker."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from satellite.config import SpeakerConfig
from satellite.core.ports import Sink
from satellite.device.priority import loudest, share
from satellite.device.voice import Voice
from satellite.device.voices import Voices
from satellite.dsp.fader import Fader
from satellite.dsp.mixer import Mixer, gain_of
from satellite.dsp.reference import Reference

# With nothing to say, no more silence than this is written ahead: the next sound has to wait for it.
_LEAD_PERIODS = 2
# With several sounds in the card no more than this is, or two periods: what is taken away from among them is still
# heard so long. They are written in pieces as short as that.
_TOGETHER_S, _PIECE_S = 0.045, 0.01
# A machine that is too slow for that gets this much more each time, up to a limit, and gives 1 ms in a second back.
_MORE_S, _TOGETHER_LIMIT_S, _BACK = 0.02, 0.2, 0.001
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
        config: how long to warm up, and when to rest.
        percent: the volume at first.
        reference: takes all that is written; None: nobody does.
    """

    def __init__(
        self,
        sink: Sink,
        voices: Voices,
        began: Callable[[Voice], None],
        heard: Callable[[Sequence[Voice]], None],
        counts: PlayCounts,
        *,
        config: SpeakerConfig,
        percent: int,
        reference: Reference | None = None,
    ) -> None:
        self.resting = True
        """Nothing is written; the card stands still."""
        self.written_frames = 0
        self._writing_since_s: float | None = None
        self._queued_frames, self._moved_at_s = -1, 0.0
        self._counts = counts
        self._sink = sink
        self._reference = reference
        self._voices = voices
        self._began = began
        self._heard = heard
        self._mixer = Mixer(sink.format.channels, sink.format.rate_hz, percent)
        self._faders: dict[Voice, Fader] = {}
        self._period = sink.period_frames
        # What may still be in the card: the end of each period with sound, and whose it is.
        self._sent: deque[tuple[int, Sequence[Voice]]] = deque()
        self._quiet_frames = self._cold_frames = 0
        self._piece = min(self._period, round(_PIECE_S * sink.format.rate_hz))
        self._together_least = max(_TOGETHER_S * sink.format.rate_hz, 2 * self._period)
        self._together_most = max(_TOGETHER_LIMIT_S * sink.format.rate_hz, self._together_least)
        self._together_frames = self._together_least
        self._idle_frames = config.idle_s * sink.format.rate_hz
        self._warm_up_frames = int(config.warm_up_s * sink.format.rate_hz)

    def step(self, percent: int) -> None:
        """Write a period, or wait for a reason to.

        Raises:
            DeviceLost: by the speaker.
        """
        voices, changes = self._voices.current()
        self._report()
        talking = [voice for voice in voices if not voice.removed and self._fill(voice)]
        if self.resting and not talking:
            self._voices.wait(changes, None)
        elif self._is_cold():
            self._cold_frames -= self._period
            self._write([], self._period, percent)
        else:
            self._go_on(talking, changes, percent)

    def _go_on(self, talking: Sequence[Voice], changes: int, percent: int) -> None:
        """Write when it is time to: of several sounds little at a time, and late."""
        ready = bool(talking) and all(voice.has(self._period) for voice in talking)
        frames, most_queued = self._period, math.inf if ready else _LEAD_PERIODS * self._period
        if together := self._several(talking):
            frames = self._piece
            most_queued = min(most_queued, self._together_frames - frames)
        if self._wait_for_room(most_queued, changes):
            return
        dry = self._counts.underruns
        self._write(talking, frames, percent)
        if together:
            self._adapt(frames, dry=self._counts.underruns > dry)
        if not ready:
            self._counts.starved += len(talking) > 0
            self._perhaps_rest()

    def give_up(self) -> None:
        """Let a write end that need not be waited for. From any thread."""
        self._sink.give_up()

    def writing_s(self) -> float:
        """How long the write under way has taken; 0 when none is. From any thread."""
        since_s = self._writing_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def hung_s(self) -> float:
        """The same, where nothing but the end of the process may free it: else 0."""
        return self.writing_s() if self._sink.may_hang else 0.0

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

    def _several(self, talking: Sequence[Voice]) -> bool:
        """More than one sound is in the card, or will be."""
        return len({voice for _, voices in self._sent for voice in voices if not voice.removed}.union(talking)) > 1

    def _adapt(self, frames: int, *, dry: bool) -> None:
        """How far ahead several sounds are written, after so many frames of them more."""
        change = _MORE_S * self._sink.format.rate_hz if dry else -_BACK * frames
        self._together_frames = min(max(self._together_frames + change, self._together_least), self._together_most)

    def _wait_for_room(self, most_queued: float, changes: int) -> bool:
        """Wait a little while the card has more than that. False when it has not, or is stuck: time to write."""
        if most_queued == math.inf:
            return False
        queued = self._sink.queued_frames()
        ahead = queued - most_queued
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

    def _is_cold(self) -> bool:
        """There is something to be heard, and the amplifier would swallow its beginning."""
        if self.resting:
            self._cold_frames = self._warm_up_frames
        return self._cold_frames > 0

    def _write(self, talking: Sequence[Voice], frames: int, percent: int) -> None:
        blocks = [voice.take(frames) for voice in talking]
        mixed = self._mixer.mix(list(zip(blocks, self._balanced(talking), strict=True)), frames, percent)
        self.resting = False
        if talking:
            self._sent.append((self.written_frames + frames, talking))
        self._send(mixed.tobytes())
        for voice, block in zip(talking, blocks, strict=True):
            if not voice.started:
                voice.started = True
                self._began(voice)
            if voice.exhausted:
                self._voices.given(voice, self.written_frames + len(block))
        self.written_frames += frames
        self._counts.frames += frames
        self._quiet_frames = 0 if talking else self._quiet_frames + frames

    def _balanced(self, talking: Sequence[Voice]) -> list[Fader]:
        """A fader for each, on its way to the gain that it shall have beside the others; a new one is there."""
        above = loudest((voice.priority for voice in talking), attentive=self._voices.attentive)
        before, self._faders = self._faders, {}
        for voice in talking:
            gain = gain_of(voice.percent) * share(voice.priority, above)
            fader = self._faders[voice] = before.get(voice) or self._mixer.fader(gain)
            fader.move(gain)
        return list(self._faders.values())

    def _send(self, pcm: bytes) -> None:
        before = self._sink.underruns
        self._writing_since_s = time.monotonic()
        try:
            self._sink.write(pcm)
        finally:
            self._writing_since_s = None
            self._counts.underruns += self._sink.underruns - before
        if self._reference:
            self._reference.wrote(pcm, self._sink.format, self._sink.queued_frames(), time.monotonic())

    def _report(self) -> None:
        """Tell what has been heard; throw away what is in the card when none of it shall be."""
        if not self._sent:
            return
        position = self.written_frames - self._sink.queued_frames()
        while self._sent and self._sent[0][0] <= position:
            self._sent.popleft()
        if self._sent and all(voice.removed for _, voices in self._sent for voice in voices):
            self._sink.drop()
            self._sent.clear()
        done = self._voices.heard(position)
        if done:
            self._heard(done)

    def _perhaps_rest(self) -> None:
        if self._quiet_frames >= self._idle_frames and not self._voices.audible:
            self._sink.drain()
            self.resting = True
