"""Wake words joined to commands, with what is true about them, and a driver that does what the app does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from speech import model

from satellite.config import CommandConfig
from satellite.core.audio import RATE_HZ, Frame, Int16, samples_of
from satellite.core.effects import Command, ListenSettings
from satellite.core.events import EndReason, Event, SpeechAudio, SpeechEnded, SpeechStarted, WakeDetected
from satellite.detect.vad import Silero
from satellite.detect.wakeword import WakeModel, WakeWords
from satellite.listen.listener import Listener

STEP = 160
GAPS_S = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0)


class Word(NamedTuple):
    """A wake word in a recording.

    Attributes:
        sound: up to the word's last sound.
        rest: what follows it.
        room: level of the room in LSB.
    """

    sound: Int16
    rest: Int16
    room: float


class Join(NamedTuple):
    """Sound, and the samples at which the word ends, the command begins and the command ends."""

    sound: Int16
    word_end: int
    begin: int
    end: int


def levels_db(samples: np.ndarray) -> np.ndarray:
    """Level of each 10 ms, smoothed over 50 ms, in dB over 1 LSB."""
    steps = samples[: len(samples) // STEP * STEP].astype(np.float64).reshape(-1, STEP)
    db = 10 * np.log10((steps**2).mean(axis=1) + 1)
    return np.convolve(np.pad(db, 2, "edge"), np.ones(5) / 5, "valid")


def without_rumble(recording: Int16) -> np.ndarray:
    """12 dB per octave less below 200 Hz: thumps, breath and rooms rumble there, a voice is heard above."""
    spectrum = np.fft.rfft(recording.astype(np.float64))
    ratio = (np.fft.rfftfreq(len(recording), 1 / RATE_HZ) / 200) ** 2
    return np.fft.irfft(spectrum * ratio / (1 + ratio), len(recording))


def split(recording: Int16) -> Word:
    """Find the word's last sound: from the loudest place on, while pauses are shorter than 0.2 s.

    The rumble does not count: one speaker's room rumbles at 150 to 200 Hz, 10 dB below the word, and would end it 0.4 s
    late; another bumps the microphone 0.1 s after the word. The high frequencies count by themselves: the s of "jarvis"
    is 25 to 30 dB below its vowels and lasts for 0.2 s.
    """
    heard = np.flatnonzero(recording)
    digital_silence = levels_db(recording) <= 6
    bands = [levels_db(without_rumble(recording)), levels_db(np.diff(recording.astype(np.float64), prepend=0))]
    floors_db = [float(np.percentile(db[~digital_silence], 30)) for db in bands]
    loud = [db > max(db.max() - 25, 0.75 * floor + 0.25 * db.max()) for db, floor in zip(bands, floors_db, strict=True)]
    last = int(bands[0].argmax())
    for step in np.flatnonzero(loud[0] | loud[1]):
        if step - last > 20:
            break
        last = max(last, int(step))
    end = (last + 1) * STEP
    room = min(100.0, max(3.0, 10 ** (floors_db[0] / 20)))
    return Word(recording[:end], recording[end : heard[-1] + 1], room)


def trimmed(command: Int16) -> Int16:
    """A command from its first to its last sound."""
    db = levels_db(command)
    loud = np.flatnonzero(db > max(db.max() - 30, np.percentile(db, 5) + 8))
    return command[max(0, loud[0] - 1) * STEP : (loud[-1] + 2) * STEP]


def join(word: Word, command: Int16, gap_s: float, seed: int) -> Join:
    """Room, the word, a gap of what followed it and then of room, the command as loud as the word, room again."""
    rng = np.random.default_rng(seed)
    gap = round(gap_s * RATE_HZ)
    rest = word.rest[:gap]
    command = np.clip(command * (_loudness(word.sound) / _loudness(command)), -32768, 32767).astype(np.int16)
    lead = _room(rng, 2 * RATE_HZ + int(rng.integers(1280)), word.room)
    parts = [
        lead,
        word.sound,
        rest,
        _room(rng, gap - len(rest), word.room),
        command,
        _room(rng, 2 * RATE_HZ, word.room),
    ]
    ends = np.cumsum([len(part) for part in parts])
    return Join(np.concatenate(parts), int(ends[1]), int(ends[3]), int(ends[4]))


def _room(rng: np.random.Generator, count: int, lsb: float) -> Int16:
    return np.rint(rng.normal(0, lsb, max(0, count))).astype(np.int16)


def _loudness(samples: Int16) -> float:
    """RMS of the loudest fifth."""
    blocks = samples[: len(samples) // 320 * 320].astype(np.float64).reshape(-1, 320)
    return float(np.sqrt(np.sort((blocks**2).mean(axis=1))[-max(1, len(blocks) // 5) :].mean()))


def listener(*words: str, **options: float) -> Listener:
    """A listener with these models of the manifest."""
    found = [WakeModel(word, model(word), word.replace("_", " ")) for word in words]
    return Listener(
        CommandConfig(),
        WakeWords(found, model("melspectrogram"), model("embedding")),
        Silero(model("silero_vad")),
        **options,
    )


class Outcome(NamedTuple):
    """What became of a join. All times in ms; None where it did not happen.

    Attributes:
        lost: of the command's beginning, that was not streamed.
        rest: of the wake word, that was streamed.
        waited: sound from the hop that fired to the first that was streamed.
        started: from the command's true beginning to where it was found.
        ended: from its true end to where that was decided, the silence included.
    """

    lost: float | None = None
    rest: float | None = None
    waited: float | None = None
    started: float | None = None
    ended: float | None = None
    reason: EndReason | None = None


class Driver:
    """Feeds a listener as the capture thread does, and answers a wake as the app does: one frame later."""

    def __init__(self, listener: Listener, frame: int = 256) -> None:
        self._listener = listener
        self._frame = frame
        self._at = 0
        self._turn = 0

    def play(self, joined: Join) -> Outcome:
        """A turn, to the end of the command. What is streamed must be the sound itself, without a gap.

        In one recording something before the word wakes the model too: then the turn that follows the word counts.
        """
        begin, events = self._at, self.hear(joined.sound)
        wakes = [event for event in events if isinstance(event, WakeDetected)]
        events = [event for event in events if getattr(event, "turn", None) == self._turn]
        audio = [event for event in events if isinstance(event, SpeechAudio)]
        if not wakes or not audio:
            return Outcome()
        start = audio[0].start - begin
        streamed = samples_of(b"".join(event.pcm for event in audio))
        np.testing.assert_array_equal(streamed, joined.sound[start : start + len(streamed)])
        outcome = Outcome(
            lost=_ms(max(0, start - joined.begin)),
            rest=_ms(max(0, joined.word_end - start)),
            waited=_ms(audio[0].start + len(audio[0].pcm) // 2 - wakes[-1].at),
        )
        for event in events:
            if isinstance(event, SpeechStarted):
                outcome = outcome._replace(started=_ms(event.at - begin - joined.begin))
            elif isinstance(event, SpeechEnded):
                outcome = outcome._replace(ended=_ms(event.at - begin - joined.end), reason=event.reason)
        return outcome

    def hear(self, sound: Int16) -> list[Event]:
        """All events; the first wake's command is asked for and, when its speech has ended, taken back."""
        events: list[Event] = []
        settings = ListenSettings()
        for begin in range(0, len(sound), self._frame):
            piece = sound[begin : begin + self._frame]
            new = self._listener.feed(Frame(piece, self._at), settings, playing=False)
            self._at += len(piece)
            settings = self._answered(new, settings)
            events += new
        return events

    def _answered(self, events: list[Event], settings: ListenSettings) -> ListenSettings:
        for event in events:
            if isinstance(event, WakeDetected):
                self._turn += 1
                return ListenSettings(command=Command(self._turn, event.at))
            if isinstance(event, SpeechEnded):
                return ListenSettings()
        return settings


def _ms(samples: int) -> float:
    return samples * 1000 / RATE_HZ
