"""The sounds that wait for the speaker: filled from any thread, emptied by one, bounded."""

from __future__ import annotations

import logging
import threading

from satellite.core.audio import AudioFormat
from satellite.core.errors import AudioFormatError
from satellite.device.priority import Priority
from satellite.device.voice import Voice
from satellite.dsp.convert import check

log = logging.getLogger(__name__)

# Of all sounds together: 12 minutes at 22,050 Hz mono. The server sends an answer as fast as the network carries it.
HELD_BYTES = 32 * 1024 * 1024
# However short each is.
MOST = 64


class Voices:
    """All sounds, from their beginning until their last sample has been heard.

    While `mute` nothing can be heard: every sound fails when it ends.
    """

    def __init__(self) -> None:
        self.attentive = False
        """A person speaks to us: all but speech and cues gives way."""
        self.dropped_bytes = 0
        self.closed = False
        self._condition = threading.Condition()
        self._changes = 0
        self._voices: list[Voice] = []
        self._finishing: list[tuple[int, Voice]] = []
        self._mute = False

    def begin(self, source: int, form: AudioFormat, priority: Priority, percent: int) -> None:
        """A sound begins. ValueError when one of this number is not over yet."""
        voice = Voice(source, form, priority, percent)
        with self._condition:
            if self._find(source):
                raise ValueError(f"sound {source} is not over yet")
            voice.failed = self._mute or not _is_playable(form) or self._crowded()
            self._voices.append(voice)

    def feed(self, source: int, pcm: bytes) -> None:
        """More bytes of a sound; what does not fit is dropped and counted. Ignored when it is not there."""
        with self._condition:
            for voice in self._voices:
                if voice.source == source and not (voice.failed or voice.ended):
                    self._add(voice, pcm)

    def end(self, source: int) -> Voice | None:
        """The sound is complete. Returns it when there is nothing to wait for: it has failed, or is empty."""
        with self._condition:
            self._notify()
            for voice in self._voices:
                if voice.source == source:
                    voice.ended = True
                    if voice.failed or not voice.fed:
                        self._voices.remove(voice)
                        return voice
        return None

    def cue(self, name: str, pcm: bytes, form: AudioFormat, priority: Priority, percent: int) -> None:
        """A whole sound at once, whose end nobody waits for. Ignored while one of this name is still to be heard."""
        voice = Voice(name, form, priority, percent)
        with self._condition:
            if not (self._find(name) or self._mute or self._crowded()) and _is_playable(form):
                self._voices.append(voice)
                self._add(voice, pcm)
                voice.ended = True

    def set_volume(self, source: int | str, percent: int) -> None:
        """The own volume of a sound. Ignored when it is not there."""
        with self._condition:
            voice = self._find(source)
            if voice:
                voice.percent = percent

    def remove(self, source: int | str) -> None:
        """Forget a sound, what of it is in the card included. Ignored when it is not there."""
        with self._condition:
            self._forget([voice for voice in self._all() if voice.source == source])

    def cut(self) -> None:
        """Forget all sounds."""
        with self._condition:
            self._forget(self._all())

    def close(self) -> None:
        """Nobody will play any more: let whoever waits know."""
        with self._condition:
            self.closed = True
            self._notify()

    @property
    def audible(self) -> bool:
        """Something that can be heard waits, or is in the card."""
        with self._condition:
            return bool(self._finishing) or any(voice.fed and not voice.failed for voice in self._voices)

    @property
    def held_bytes(self) -> int:
        """What waits."""
        with self._condition:
            return self._held_bytes()

    # The rest is for the playback thread.

    def current(self) -> tuple[list[Voice], int]:
        """What sounds now: of speech the oldest that is not given out whole, and all other sounds.

        Speech is heard one after the other, never at once. Also gives the number of changes so far, for `wait`.
        """
        with self._condition:
            live = [voice for voice in self._voices if not voice.failed]
            speech = next((voice for voice in live if voice.priority is Priority.SPEECH), None)
            now = [voice for voice in live if voice.priority is not Priority.SPEECH or voice is speech]
            return now, self._changes

    def wait(self, changes: int, seconds: float | None) -> None:
        """Until the number of changes is another one, or all is closed; at most so long, None: for ever."""
        with self._condition:
            self._condition.wait_for(lambda: self.closed or self._changes != changes, seconds)

    def wait_for_sound(self) -> None:
        """Until something is there to be played, or all is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self.closed or self._held_bytes() > 0)

    def pause(self, seconds: float) -> None:
        """So long, or until all is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self.closed, seconds)

    def bite(self, voice: Voice) -> bytes | None:
        """Some bytes of a sound; b"" when they have not come yet, None when no more will come."""
        with self._condition:
            return voice.bite() or (None if voice.ended else b"")

    def given(self, voice: Voice, position: int) -> None:
        """All of a sound was given to the card; its last frame is the one before `position`."""
        with self._condition:
            # It may have been cut meanwhile.
            if voice in self._voices:
                self._voices.remove(voice)
                self._finishing.append((position, voice))

    def heard(self, position: int) -> list[Voice]:
        """The sounds whose last frame lies before `position`; they are forgotten."""
        with self._condition:
            done = [voice for end, voice in self._finishing if end <= position]
            self._finishing = [(end, voice) for end, voice in self._finishing if end > position]
            return done

    def fall_silent(self) -> list[Voice]:
        """There is no speaker: all sounds fail. Returns those that are complete; the others fail when they end."""
        with self._condition:
            self._mute = True
            done = [voice for _, voice in self._finishing] + [voice for voice in self._voices if voice.ended]
            self._finishing.clear()
            self._voices = [voice for voice in self._voices if not voice.ended]
            for voice in self._voices:
                voice.failed = True
                voice.clear()
            return done

    def speak(self) -> None:
        """There is a speaker (again)."""
        with self._condition:
            self._mute = False

    def _add(self, voice: Voice, pcm: bytes) -> None:
        room = HELD_BYTES - self._held_bytes()
        if voice.full or len(pcm) > room:
            if not voice.full:
                log.warning("%s MiB of sound wait to be played: what follows is dropped", HELD_BYTES // 1024**2)
            kept = 0 if voice.full else room - room % voice.form.frame_bytes
            self.dropped_bytes += len(pcm) - kept
            voice.full = True
            pcm = pcm[:kept]
        if pcm:
            voice.add(pcm)
            self._notify()

    def _find(self, source: int | str) -> Voice | None:
        return next((voice for voice in self._all() if voice.source == source), None)

    def _all(self) -> list[Voice]:
        return [*self._voices, *(voice for _, voice in self._finishing)]

    def _crowded(self) -> bool:
        if len(self._voices) < MOST:
            return False
        log.warning("%s sounds wait to be played: another one is not", MOST)
        return True

    def _forget(self, voices: list[Voice]) -> None:
        self._voices = [voice for voice in self._voices if voice not in voices]
        self._finishing = [(end, voice) for end, voice in self._finishing if voice not in voices]
        for voice in voices:
            voice.removed = True
        self._notify()

    def _held_bytes(self) -> int:
        return sum(voice.held_bytes for voice in self._voices)

    def _notify(self) -> None:
        self._changes += 1
        self._condition.notify_all()


def _is_playable(form: AudioFormat) -> bool:
    try:
        check(form)
    except AudioFormatError as error:
        log.warning("a sound cannot be played: %s", error)
        return False
    return True
