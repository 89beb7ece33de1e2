"""The command under way, kept for a server that is away."""

from __future__ import annotations

from dataclasses import dataclass

from satellite.core import messages as msg
from satellite.core.audio import WIRE_FORMAT

LONGEST_S = 30.0
_LIMIT_BYTES = int(LONGEST_S * WIRE_FORMAT.second_bytes)


@dataclass(frozen=True, slots=True)
class UtteranceStatistics:
    """`held_bytes`: sound of the command under way; `dropped_bytes`: beyond 30 s; `resent`: commands sent again."""

    held_bytes: int
    dropped_bytes: int
    resent: int


class Utterance:
    """All messages of the command under way: at most 30 s of sound, of which the end is lost when there is more."""

    def __init__(self) -> None:
        self._messages: list[msg.Message] = []
        self._held_bytes = self._dropped_bytes = self._resent = 0

    def statistics(self) -> UtteranceStatistics:
        """What it holds and has done."""
        return UtteranceStatistics(self._held_bytes, self._dropped_bytes, self._resent)

    def record(self, message: msg.Message) -> None:
        """Keep what the server is told; a new run begins a new command."""
        match message:
            case msg.RunPipeline():
                self.forget()
                self._messages.append(message)
            case msg.MicStop() if self._messages:
                self._messages.append(message)
            case msg.MicAudio(pcm=pcm) if self._messages:
                self._record_sound(message, len(pcm))

    def _record_sound(self, message: msg.Message, size: int) -> None:
        if self._held_bytes + size > _LIMIT_BYTES:
            self._dropped_bytes += size
            return
        self._held_bytes += size
        self._messages.append(message)

    def again(self) -> list[msg.Message]:
        """The command so far. Not its wake word: Home Assistant refuses a phrase that it hears again within 2 s."""
        self._resent += 1
        return list(self._messages)

    def forget(self) -> None:
        """The command is in the server's hands, or given up: nobody may hear it again."""
        self._messages.clear()
        self._held_bytes = 0
