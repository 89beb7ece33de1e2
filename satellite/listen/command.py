"""One command, from the wake word's end to where it is told to stop."""

from __future__ import annotations

from satellite.config import CommandConfig
from satellite.core.audio import Int16, samples_in
from satellite.core.effects import Command
from satellite.core.events import EndReason, Event, SpeechAudio
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.dsp.processing import Processing
from satellite.listen.endpoint import VoiceEndpointer
from satellite.listen.preroll import RingBuffer
from satellite.listen.speech import SpeechTrack
from satellite.listen.tail import said
from satellite.listen.trigger import Wake
from satellite.listen.word_end import LOOK_BACK, certain_end, earliest_end, word_end

# Silero takes the end of a wake word for speech up to 430 ms after its estimated end (386 wakes, 99 % below 400 ms), in
# 95 % up to 290 ms after the hop that fires: that matters where the end was estimated too early.
TAIL = samples_in(450)
TAIL_AFTER_HOP = samples_in(300)
# What the processing is shown of the sound before the command: the wake word, and the room around it.
BEFORE = samples_in(1_500)
# Where somebody else heard the wake word its end is not known: it was over, or nearly.
TAIL_UNKNOWN = samples_in(650)
# After an answer that asks: its last words are heard so late, 0.6 s of delay, and sound on in the room.
TAIL_OF_ANSWER = samples_in(750)


class CommandStream:
    """Reads a command out of the ring: its sound without a gap, and where its speech begins and ends.

    It may be made late: the ring still holds what was said since the wake word. What it says does not depend on when.

    Args:
        command: whose it is.
        wake: the wake word that it follows; None: its sound begins at `begin`.
        begin: sample from which time-outs count: the end of the hop that fired, or now.
        window: sample at or before `begin` with which the first window of speech detection begins.
        processing: what is done to its sound; it begins anew here. What it still holds when the command is taken away
            is silence after the command, and is not sent.
    """

    def __init__(
        self,
        command: Command,
        wake: Wake | None,
        begin: int,
        window: int,
        *,
        config: CommandConfig,
        ring: RingBuffer,
        speech: SpeechTrack,
        processing: Processing,
    ) -> None:
        self.command = command
        self._undecided = wake
        self._sent_to = earliest_end(wake) if wake else begin
        self._window = window
        self._ring = ring
        self._speech = speech
        self._endpointer = VoiceEndpointer(config, command.turn, begin, follows_up=command.follows_up)
        self._answer_sounds = wake is None and command.follows_up
        if wake is None and command.wake_at is not None:
            self._endpointer.expect_tail(begin + TAIL_UNKNOWN)
        elif self._answer_sounds:
            self._endpointer.expect_tail(begin + TAIL_OF_ANSWER)
        self._processing = processing
        self._begun = False
        self._voice_before = wake is not None

    @property
    def missed(self) -> int:
        """So many samples of its beginning are no longer in the ring: it was asked for too late."""
        return max(0, self._ring.oldest - self._sent_to)

    def advance(self) -> list[Event]:
        """What can be said about the sound that is in the ring by now: its audio first."""
        if self._undecided:
            self._look_for_start(self._undecided)
        if self._undecided:
            return []
        return self._after_the_answer() if self._answer_sounds else [*self._audio(), *self._judge()]

    def silence(self) -> None:
        """Mute was pressed: what is held is not sent."""
        self._processing.silence()

    def flush(self) -> list[Event]:
        """The input is over: everything that is left, and the end."""
        self._undecided = None
        events = [*self._audio(), *self._rest(), *self._judge()]
        if not self._endpointer.ended:
            events.append(self._endpointer.finish(self._ring.end, EndReason.FLUSHED))
        return events

    def _after_the_answer(self) -> list[Event]:
        """What may be the satellite's own question is not sent: it would be taken for the reply to it."""
        judged = self._judge()
        if self._endpointer.begins_at is None:
            return []
        self._answer_sounds, self._sent_to = False, self._endpointer.begins_at
        return [*self._audio(), *judged]

    def _look_for_start(self, wake: Wake) -> None:
        begin = max(wake.at - LOOK_BACK, self._ring.oldest)
        found = word_end(wake, begin, self._ring.read(begin, self._ring.end))
        if found is not None:
            self._undecided = None
            self._sent_to = found
            end = certain_end(wake, found)
            tail_end = max(found + TAIL, wake.at + TAIL_AFTER_HOP)
            self._endpointer.expect_tail(tail_end, lambda until: self._said(wake.at, end, until))

    def _said(self, hop: int, word_end: int, until: int) -> bool:
        """Whether there was a command between the end of the wake word and sample `until`."""
        begin = max(hop - LOOK_BACK, self._ring.oldest)
        if not begin < hop <= until or word_end >= until:
            return False
        return said(self._ring.read(begin, until), hop - begin, max(0, word_end - begin))

    def _audio(self) -> list[Event]:
        # What is older than the ring is lost: to a command that was asked for too late, or in a long gap.
        begin = max(self._sent_to, self._ring.oldest)
        if not self._begun:
            self._begin_processing(begin)
        start = begin - self._processing.held
        samples = self._processing.process(self._ring.read(begin, self._ring.end)[:, None])
        self._sent_to = self._ring.end
        return self._sound(start, samples)

    def _rest(self) -> list[Event]:
        start = self._sent_to - self._processing.held
        return self._sound(start, self._processing.flush())

    def _sound(self, start: int, samples: Int16) -> list[Event]:
        return [SpeechAudio(self.command.turn, start, samples.tobytes())] if len(samples) else []

    def _begin_processing(self, begin: int) -> None:
        self._begun = True
        first = max(begin - BEFORE, self._ring.oldest) if self._processing.learns else begin
        self._processing.begin(self._ring.read(first, begin)[:, None], voice=self._voice_before)

    def _judge(self) -> list[Event]:
        events: list[Event] = []
        while not self._endpointer.ended and self._window + WINDOW_SAMPLES <= self._ring.end:
            behind = max(0, self._ring.oldest - self._window)
            self._window += -(-behind // WINDOW_SAMPLES) * WINDOW_SAMPLES
            probability = self._speech.process(self._window)
            self._window += WINDOW_SAMPLES
            event = self._endpointer.process(self._window, probability)
            events += [event] if event else []
        return events
