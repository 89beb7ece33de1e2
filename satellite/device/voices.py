"""The sounds that wait for the speaker: filled from any thread, emptied by one, bounded."""

from __future__ import annotations

import logging
import threading

from satellite.core.audio import AudioFormat
from satellite.core.errors import AudioFormatError
from satellite.device.voice import Voice
from satellite.dsp.convert import check

log = logging.getLogger(__name__)

# Of all sounds together: 12 minutes at 22,050 Hz mono. The server sends an answer as fast as the network carries it.
HELD_BYTES = 32 * 1024 * 1024


class Voices:
    """All sounds, from their beginning until their last sample has been heard.

    While `mute` nothing can be heard: every sound fails when it ends.
    """

    def __init__(self) -> None:
        self.dropped_bytes = 0
        self.closed = False
        self._condition = threading.Condition()
        self._changes = 0
        self._voices: list[Voice] = []
        self._finishing: list[tuple[int, Voice]] = []
        self._mute = False
        self._cut = False

    def begin(self, source: int, form: AudioFormat) -> None:
        """A sound begins."""
        voice = Voice(source, form)
        with self._condition:
            voice.failed = self._mute or not _is_playable(form)
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

    def cue(self, pcm: bytes, form: AudioFormat) -> None:
        """A whole sound at once, whose end nobody waits for."""
        voice = Voice(None, form)
        with self._condition:
            if not self._mute and _is_playable(form):
                self._voices.append(voice)
                self._add(voice, pcm)
                voice.ended = True

    def cut(self) -> None:
        """Forget all sounds."""
        with self._condition:
            self._voices.clear()
            self._finishing.clear()
            self._cut = True
            self._notify()

    def close(self) -> None:
        """Nobody will play any more: let whoever waits know."""
        with self._condition:
            self.closed = True
            self._notify()

    @property
    def audible(self) -> bool:
        """Something that can be heard waits, or is in the card."""
        with self._condition:
            return bool(self._finishing) or any(voice.started or voice.held_bytes for voice in self._voices)

    @property
    def held_bytes(self) -> int:
        """What waits."""
        with self._condition:
            return self._held_bytes()

    # The rest is for the playback thread.

    def current(self) -> tuple[list[Voice], int]:
        """What sounds now: the oldest of the server's sounds that is not given out whole, and all cues over it.

        The server's sounds are speech: one after the other, never at once. Also gives the number of changes so far, for
        `wait`.
        """
        with self._condition:
            live = [voice for voice in self._voices if not voice.failed]
            speech = next((voice for voice in live if voice.source is not None), None)
            return [voice for voice in live if voice.source is None or voice is speech], self._changes

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

    def obey_cut(self) -> bool:
        """All sounds were forgotten since the last call."""
        with self._condition:
            cut, self._cut = self._cut, False
            return cut

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
