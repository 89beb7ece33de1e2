"""What is sent before anyone has heard a wake word, because somebody else listens for it. Never in mode "local"."""

from __future__ import annotations

from satellite.config import ListeningConfig
from satellite.core.audio import RATE_HZ, samples_in
from satellite.core.events import Event, RoomAudio, VoiceBegan, VoiceOver
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.dsp.gain import Gain
from satellite.listen.endpoint import HYSTERESIS
from satellite.listen.preroll import RingBuffer
from satellite.listen.speech import SpeechTrack

# Less speech than this is no wake word.
MIN_SPEECH_MS = 250
# A consonant may be silent; for longer it is not the same word.
LONGEST_STOP_MS = 130
# Once the voice is over the sound goes on for so long: who hears the wake word takes a moment, and so does its speaker.
HOLD_MS = 1000


class RoomStream:
    """Gives the sound of the room, hop by hop: all of it, or, in mode "stream-voice", only where there is a voice.

    There it is silent, active or on hold. Speech of 250 ms makes it active, and gives the sound from
    `voice_pre_roll_ms` before that speech; silence of `voice_padding_ms` puts it on hold, where the sound goes on for a
    second; more speech makes it active again. Nothing is ever given twice.

    Args:
        gain: for what goes to Home Assistant; a wake word service hears the sound as it came.
    """

    def __init__(self, config: ListeningConfig, ring: RingBuffer, speech: SpeechTrack, gain: Gain, start: int) -> None:
        self._config = config
        self._ring = ring
        self._speech = speech
        self._gain = gain if config.mode != "service" else Gain(0.0)
        self._start = start
        self._pre_roll = samples_in(config.voice_pre_roll_ms)
        self._padding = samples_in(config.voice_padding_ms)
        self._sent_to = self._window = start
        self._open_since: int | None = None
        self._rested = False
        self._first = self._run = self._quiet = 0

    def advance(self, threshold: float, *, muted: bool, busy: bool) -> list[Event]:
        """The ring has got another whole hop.

        Args:
            threshold: speech probability from which a window is speech.
            muted: nothing is given.
            busy: a command is being streamed; Home Assistant needs nothing else.
        """
        if self._config.mode == "local":
            return []
        if muted or (busy and self._config.mode != "service"):
            return self._rest()
        if self._config.mode != "stream-voice":
            return self._sound()
        return self._follow(threshold)

    def _rest(self) -> list[Event]:
        self._rested = True
        self._sent_to = self._ring.end
        self._window = self._ring.end - (self._ring.end - self._start) % WINDOW_SAMPLES
        return self._close()

    def _follow(self, threshold: float) -> list[Event]:
        events: list[Event] = []
        if self._rested:
            # A command was looked at meanwhile.
            self._rested = False
            self._speech.restart()
        while self._window + WINDOW_SAMPLES <= self._ring.end:
            probability = self._speech.process(self._window)
            self._window += WINDOW_SAMPLES
            events += self._judge(probability, threshold)
        return events + (self._sound() if self._open_since is not None else [])

    def _judge(self, probability: float, threshold: float) -> list[Event]:
        if probability >= threshold:
            if not self._run:
                self._first = self._window - WINDOW_SAMPLES
            self._run += WINDOW_SAMPLES
            self._quiet = 0
        elif probability < threshold - HYSTERESIS:
            self._quiet += WINDOW_SAMPLES
            if self._quiet > samples_in(LONGEST_STOP_MS):
                self._run = 0
        if self._open_since is None:
            return self._open() if self._run >= samples_in(MIN_SPEECH_MS) else []
        too_long = self._window - self._open_since >= self._config.voice_max_s * RATE_HZ
        over = too_long or self._quiet >= self._padding + samples_in(HOLD_MS)
        # What is left goes out first.
        return [*self._sound(), *self._close()] if over else []

    def _open(self) -> list[Event]:
        self._open_since = self._window
        self._sent_to = max(self._sent_to, self._ring.oldest, self._first - self._pre_roll)
        return [VoiceBegan(self._first)]

    def _close(self) -> list[Event]:
        was_open, self._open_since = self._open_since is not None, None
        self._run = self._quiet = 0
        return [VoiceOver(self._window)] if was_open else []

    def _sound(self) -> list[Event]:
        begin, self._sent_to = max(self._sent_to, self._ring.oldest), self._ring.end
        samples = self._ring.read(begin, self._ring.end)
        return [RoomAudio(begin, self._gain.process(samples).tobytes())] if len(samples) else []
