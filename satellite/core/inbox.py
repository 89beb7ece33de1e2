"""The one crossing from the audio threads to the loop: bounded, never blocking."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from satellite.core.audio import RATE_HZ
from satellite.core.events import AnswerAudio, EndReason, Event, RoomAudio, SpeechAudio, SpeechEnded

SPEECH_BYTES = 5 * RATE_HZ * 2
ANSWER_BYTES = 32 * 1024 * 1024
OTHERS = 256


@dataclass(frozen=True, slots=True)
class InboxStatistics:
    """What waits, and what was dropped because too much waited."""

    waiting: int
    speech_bytes_dropped: int
    answer_bytes_dropped: int
    events_dropped: int
    room_bytes_dropped: int = 0


class Inbox:
    """Events from any thread, taken by one.

    When the taker stalls: of the command's sound at most 5 s wait, then the oldest is dropped and the command ends as
    STALLED; of the room's sound 5 s, then the newest is dropped; of the server's sound at most 32 MiB, then the newest
    is dropped; of all else 256.

    Args:
        wake: called after a post into an empty inbox, in the posting thread; must not block.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._speech_bytes = self._room_bytes = self._answer_bytes = self._others = 0
        self._room_dropped = 0
        self._speech_dropped = self._answer_dropped = self._others_dropped = 0
        self._stalled_turn = 0

    def post(self, event: Event) -> None:
        """Add an event; never blocks."""
        with self._lock:
            was_empty = not self._events
            self._add(event)
        if was_empty:
            self._wake()

    def take(self) -> list[Event]:
        """All that waits, in order of arrival."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
            self._speech_bytes = self._room_bytes = self._answer_bytes = self._others = 0
        return events

    def statistics(self) -> InboxStatistics:
        """Counters since the start."""
        with self._lock:
            return InboxStatistics(
                len(self._events),
                self._speech_dropped,
                self._answer_dropped,
                self._others_dropped,
                self._room_dropped,
            )

    def _add(self, event: Event) -> None:
        if isinstance(event, SpeechAudio):
            self._add_speech(event)
        elif isinstance(event, RoomAudio):
            self._add_room(event)
        elif isinstance(event, AnswerAudio):
            self._add_answer(event)
        elif self._others < OTHERS:
            self._others += 1
            self._events.append(event)
        else:
            self._others_dropped += 1

    def _add_speech(self, event: SpeechAudio) -> None:
        self._events.append(event)
        self._speech_bytes += len(event.pcm)
        while self._speech_bytes > SPEECH_BYTES:
            self._drop_oldest_speech()

    def _drop_oldest_speech(self) -> None:
        place, oldest = next((n, e) for n, e in enumerate(self._events) if isinstance(e, SpeechAudio))
        del self._events[place]
        self._speech_bytes -= len(oldest.pcm)
        self._speech_dropped += len(oldest.pcm)
        if oldest.turn != self._stalled_turn:
            self._stalled_turn = oldest.turn
            self._events.insert(place, SpeechEnded(oldest.turn, oldest.start, EndReason.STALLED))

    def _add_room(self, event: RoomAudio) -> None:
        if self._room_bytes + len(event.pcm) > SPEECH_BYTES:
            self._room_dropped += len(event.pcm)
            return
        self._room_bytes += len(event.pcm)
        self._events.append(event)

    def _add_answer(self, event: AnswerAudio) -> None:
        if self._answer_bytes + len(event.pcm) > ANSWER_BYTES:
            self._answer_dropped += len(event.pcm)
            return
        self._answer_bytes += len(event.pcm)
        self._events.append(event)
