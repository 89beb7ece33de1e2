"""The listener: frames in, events out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from satellite.config import CommandConfig, ListeningConfig, ProcessingConfig
from satellite.core.audio import Frame, Int16, seconds
from satellite.core.effects import Command, ListenSettings
from satellite.core.errors import IllegalEvent
from satellite.core.events import AudioLost, Event, WakeDetected
from satellite.detect.engines import WakeEngine
from satellite.detect.vad import WINDOW_SAMPLES, Silero
from satellite.detect.wakeword import HOP_SAMPLES, Scores
from satellite.dsp.gain import Gain
from satellite.dsp.processing import Processing
from satellite.listen.command import CommandStream
from satellite.listen.digital_silence import DigitalSilence
from satellite.listen.gate import Gate
from satellite.listen.overhear import Overhearing
from satellite.listen.overload import Overload, Piece
from satellite.listen.own_voice import OwnVoice
from satellite.listen.preroll import RingBuffer
from satellite.listen.room import RoomStream
from satellite.listen.second_look import SecondLook
from satellite.listen.sensitivity import LEVELS, moved
from satellite.listen.speech import SpeechTrack
from satellite.listen.trigger import Trigger, Wake, doubt_after
from satellite.listen.watch import WakeWatch
from satellite.listen.word_end import heard_elsewhere

# Hops and windows both begin anew here; a jump by a multiple of it leaves their rhythm as it is.
_RHYTHM = 2 * HOP_SAMPLES
# 4.8 s: a command may be asked for so long after its wake word.
RING_SAMPLES = 30 * _RHYTHM
# After so many zeros (2.56 s) no model remembers anything: of a longer gap the rest is only counted.
_GAP_HEARD = 16 * _RHYTHM
_AS_SHIPPED = ListeningConfig()
_AS_IT_CAME = ProcessingConfig()
# Several words may fire before the first is answered.
_WAKES_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class ListenerStatistics:
    """What was heard.

    Attributes:
        samples: since the beginning, the lost ones included.
        gaps, lost_samples: of sound that was missing.
        late_samples: of commands that were asked for so late that their beginning was no longer kept.
        hops: of 80 ms that the wake words were looked for in.
        warm: wake words can be heard.
        wakes, near_misses, commands: so far; a near miss is a score above half of its threshold that did not fire.
        own_wakes: wake words that the satellite said itself, and that were not obeyed.
        clipped: samples of commands that were too loud for 16 bits after processing.
        speech_windows: of 32 ms that speech was looked for in.
        level_dbfs: of the last 32 ms.
        floor_dbfs: of the room.
        digital_silence_s: for how long the microphone has been giving the same value, as a dead or muted one does.
        rested_s: that the wake words did not hear, because it was quiet.
        engine: what hears the wake words.
        speech: what hears the commands: Silero, or the level alone (energy).
        hop_p95_ms: time that 80 ms of sound needed, 95th percentile of the last 2 s.
        shed: what was given up because that was too much.
    """

    samples: int
    gaps: int
    lost_samples: int
    late_samples: int
    hops: int
    warm: bool
    wakes: int
    near_misses: int
    own_wakes: int
    commands: int
    clipped: int
    speech_windows: int
    level_dbfs: float
    floor_dbfs: float
    digital_silence_s: float
    rested_s: float
    engine: str
    speech: str
    hop_p95_ms: float
    shed: tuple[str, ...]


class Listener:
    """Waits for a wake word; then, told so, streams the command and finds its end. Used by one thread.

    The same sound gives the same events, however it is cut into frames.

    Args:
        config: when a command begins and ends.
        wake_words: fresh: it has heard nothing yet.
        vad: speech detector, used during commands only; None: the level decides.
        listening: how the gate works; the settings bring its sensitivity.
        gain_db, processing: for the sound of commands only; everything here hears the sound as it came.
        own_voice: knows the wake words that the satellite says itself; None: they are heard as anyone's.
        start: index of the first sample that will be fed.
    """

    def __init__(
        self,
        config: CommandConfig,
        wake_words: WakeEngine,
        vad: Silero | None,
        *,
        listening: ListeningConfig = _AS_SHIPPED,
        gain_db: float = 0.0,
        processing: ProcessingConfig = _AS_IT_CAME,
        own_voice: OwnVoice | None = None,
        start: int = 0,
    ) -> None:
        self._config = config
        self._wake_words = wake_words
        self._processing = Processing(processing, gain_db=gain_db)
        self._own_voice = own_voice
        self._start = start
        self._ring = RingBuffer(RING_SAMPLES, start)
        self._silence = DigitalSilence()
        self._gate = Gate()
        self._watch = WakeWatch(wake_words, self._ring, self._gate if listening.gate else None, start)
        self._overhearing = Overhearing(self._ring)
        self._speech = SpeechTrack(vad, self._ring, self._gate)
        self._trigger = Trigger(wake_words.models, SecondLook(self._ring, self._speech, start).confirms)
        self._room = RoomStream(listening, self._ring, self._speech, Gain(gain_db), start)
        self._speech_by = "energy" if vad is None else "Silero"
        self._overload = Overload(self._dispensable(processing, gain_db))
        self._stream: CommandStream | None = None
        self._recent: deque[Wake] = deque(maxlen=_WAKES_REMEMBERED)
        self._obey(ListenSettings())
        self._over = False
        self._gaps = self._lost = self._late = self._wakes = self._own_wakes = self._commands = 0

    def feed(self, frame: Frame, settings: ListenSettings, playing: bool) -> list[Event]:
        """Hear the next frame, of any size; an empty one brings new settings.

        Without `settings.command` it gives WakeDetected, and, where `settings.keep` asks for it, Overheard. With one,
        first seen for its turn, it gives SpeechAudio from the estimated end of the wake word (without a wake word: from
        here) up to now, then for every further frame until the command is taken away, and SpeechStarted and
        SpeechEnded at most once. The first SpeechAudio may wait for 0.25 s of sound after the hop that fired; it goes
        on after SpeechEnded. A wake word said meanwhile is not reported. In any case it gives MicrophoneSilent and
        MicrophoneHeard.

        Args:
            settings: in force from the frame's first sample on.
            playing: the speaker makes a sound; the noise floor stays as it is.

        Raises:
            IllegalEvent: the frame does not follow the one before.
        """
        if frame.start != self._ring.end:
            raise IllegalEvent(f"a frame begins at sample {frame.start} instead of {self._ring.end}")
        events = self._apply(settings)
        for piece in self._pieces(frame.samples):
            events += self._silence.hear(piece, self._ring.end)
            events += self._hear(np.zeros_like(piece) if settings.muted else piece, playing)
        return events

    def lost(self, count: int, cause: str) -> list[Event]:
        """Put zeros in the place of `count` samples that are missing here.

        Nothing is reset, but for the next 1.28 s a wake needs two hops that agree. Of a gap above 2.56 s the rest is
        counted, neither heard nor streamed.
        """
        self._gaps += 1
        self._lost += count
        events: list[Event] = [AudioLost(self._ring.end, count, cause)]
        self._trigger.doubt(doubt_after(self._ring.end + count))
        spared = max(0, count - _GAP_HEARD) // _RHYTHM * _RHYTHM
        self._ring.skip(spared)
        self._watch.spare(spared)
        for piece in self._pieces(np.zeros(count - spared, np.int16)):
            events += self._hear(piece, playing=True)
        return events

    def took(self, samples: int, ms: float) -> list[Event]:
        """How long it took to hear so much: WorkShed when this was too much for too long, WorkResumed when no more."""
        return self._overload.took(samples, ms)

    def flush(self) -> list[Event]:
        """The input is over: what is still held, and the end of a command that is being streamed."""
        self._over = True
        return self._stream.flush() if self._stream else []

    def statistics(self) -> ListenerStatistics:
        """What has been heard so far; from any thread."""
        words = self._wake_words.statistics()
        return ListenerStatistics(
            samples=self._ring.end - self._start,
            gaps=self._gaps,
            lost_samples=self._lost,
            late_samples=self._late,
            hops=words.hops,
            warm=words.warm,
            wakes=self._wakes,
            near_misses=self._overhearing.near_misses,
            own_wakes=self._own_wakes,
            commands=self._commands,
            clipped=self._processing.clipped,
            speech_windows=self._speech.windows,
            level_dbfs=self._gate.level_dbfs,
            floor_dbfs=self._gate.floor_dbfs,
            digital_silence_s=round(self._silence.seconds, 2),
            rested_s=round(seconds(self._watch.rested), 2),
            engine=words.engine,
            speech=self._speech_by,
            hop_p95_ms=round(self._overload.p95_ms, 2),
            shed=self._overload.shed,
        )

    # --- overload ---------------------------------------------------------------------------------------------------

    def _dispensable(self, processing: ProcessingConfig, gain_db: float) -> Iterator[Piece]:
        if processing.noise_suppression != "off" or processing.agc != "off":
            yield Piece(
                "noise suppression and automatic gain",
                partial(self._process_by, _AS_IT_CAME, gain_db),
                partial(self._process_by, processing, gain_db),
            )
        models = self._wake_words.models
        if any(model.confirmation.speech or model.confirmation.syllables for model in models):
            trigger = self._trigger
            yield Piece(
                "the second look at wake words", partial(trigger.believe, True), partial(trigger.believe, False)
            )
        if len(models) > 1:
            words = self._wake_words
            yield Piece(f"wake words but {models[0].phrase}", partial(words.keep_only, models[0].name), words.keep_all)
        if self._speech_by != "energy":
            told = "Silero: speech is told by its level"
            yield Piece(told, partial(self._judge_by_level, True), partial(self._judge_by_level, False))

    def _process_by(self, processing: ProcessingConfig, gain_db: float) -> None:
        """From the next command on."""
        self._processing = Processing(processing, gain_db=gain_db)

    def _judge_by_level(self, by_level: bool) -> None:
        self._speech.judge_by_level(by_level)
        self._speech_by = "energy" if by_level else "Silero"

    # --- settings ---------------------------------------------------------------------------------------------------

    def _apply(self, settings: ListenSettings) -> list[Event]:
        if settings.muted and not self._settings.muted:
            self._ring.silence()
            self._overhearing.forget()
            if self._stream:
                self._stream.silence()
        if settings is not self._settings:
            self._obey(settings)
        command = settings.command
        if command is None:
            self._stream = None
        elif self._stream is None or self._stream.command.turn != command.turn:
            self._stream = self._begin(command)
            return [*self._missed(self._stream), *(self._stream.flush() if self._over else self._stream.advance())]
        return []

    def _begin(self, command: Command) -> CommandStream:
        self._commands += 1
        begin = self._ring.end if command.wake_at is None else command.wake_at
        wake = next((wake for wake in self._recent if wake.at == command.wake_at), None)
        if wake is None and command.word:
            wake = heard_elsewhere(command.word, begin)
        window = begin - (begin - self._start) % WINDOW_SAMPLES
        self._speech.restart()
        return CommandStream(
            command,
            wake,
            begin,
            window,
            config=self._command_config,
            ring=self._ring,
            speech=self._speech,
            processing=self._processing,
        )

    def _missed(self, stream: CommandStream) -> list[Event]:
        if not stream.missed:
            return []
        self._late += stream.missed
        return [AudioLost(self._ring.oldest, stream.missed, "of a command that was asked for too late")]

    def _obey(self, settings: ListenSettings) -> None:
        self._settings, level = settings, LEVELS[settings.sensitivity]
        self._gate.margin_db = level.gate_margin_db
        self._thresholds = {
            model.name: moved(settings.thresholds.get(model.name, model.threshold), level.wake_odds)
            for model in self._wake_words.models
        }
        self._command_config = replace(self._config, vad_threshold=moved(self._config.vad_threshold, level.vad_odds))

    # --- sound ------------------------------------------------------------------------------------------------------

    def _pieces(self, samples: Int16) -> Iterator[Int16]:
        """Cut where a hop ends, so that everything happens in the order of the samples."""
        while len(samples):
            size = HOP_SAMPLES - (self._ring.end - self._start) % HOP_SAMPLES
            yield samples[:size]
            samples = samples[size:]

    def _hear(self, samples: Int16, playing: bool) -> list[Event]:
        self._ring.append(samples)
        self._follow_level(len(samples), playing)
        events = self._stream.advance() if self._stream else []
        if (self._ring.end - self._start) % HOP_SAMPLES == 0:
            for scores in self._watch.advance():
                events += self._decide(scores)
            events += self._overhearing.ready()
            events += self._room.advance(
                self._command_config.vad_threshold, muted=self._settings.muted, busy=self._stream is not None
            )
        return events

    def _follow_level(self, count: int, playing: bool) -> None:
        """The gate hears windows of 512 samples, those that Silero hears."""
        end = self._ring.end - (self._ring.end - self._start) % WINDOW_SAMPLES
        first = self._ring.end - count - (self._ring.end - count - self._start) % WINDOW_SAMPLES
        for begin in range(first, end, WINDOW_SAMPLES):
            self._gate.process(self._ring.read(begin, begin + WINDOW_SAMPLES), begin, playing)

    def _decide(self, scores: Scores) -> list[Event]:
        armed = self._stream is None and not self._settings.muted
        wake = self._trigger.hear(scores.at, scores.by_name, self._thresholds, armed=armed)
        keep = self._settings.keep
        if wake is None:
            if armed:
                self._overhearing.hear(scores.at, scores.by_name, self._thresholds, keep)
            else:
                self._overhearing.busy(scores.at)
            return []
        if self._own_voice and self._own_voice.said(wake, self._thresholds[wake.model.name]):
            self._own_wakes += 1
            self._trigger.refuse(wake)
            self._overhearing.busy(scores.at)
            return []
        self._overhearing.heard(wake, self._thresholds[wake.model.name], keep)
        self._recent.append(wake)
        self._wakes += 1
        model = wake.model
        return [WakeDetected(model.name, model.phrase, wake.score, scores.at, self._gate.floor_dbfs)]
