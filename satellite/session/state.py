"""What the conversation remembers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Phase(IntEnum):
    """Where the turn stands; the order is that of the table's columns."""

    IDLE = 0
    REQUESTED = 1
    LISTENING = 2
    TRANSCRIBING = 3
    ANSWERING = 4


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound from the server.

    Attributes:
        source: its number for playback.
        connection: who is owed `Played` for it.
        complete: the server said that it is all.
        finished: its last sample has left the speaker, or never will.
    """

    source: int
    connection: int | None
    complete: bool = False
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a server that listens for the wake word instead of us.

    Attributes:
        connection: which server is being sent it; None: none is.
        voice: somebody speaks.
        heard_to: index one past the last sample that it was sent.
        accept_by: when it must have said that it listens.
        retry_at: after a failure, when to ask again.
        pause_s: how long to wait after the next failure.
        listen_at: it was told to stop, because it is to hear a command; when that begins.
    """

    connection: int | None = None
    voice: bool = False
    heard_to: int | None = None
    accept_by: float | None = None
    retry_at: float | None = None
    pause_s: float = 1.0
    listen_at: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that the conversation remembers. Times are on the clock of `now_s`.

    Attributes:
        keep_s: how long a complete command waits for a server that is away; 0: not at all.
        stop_words: models that only stop what sounds.
        follow_up: after which answers to listen without a wake word: "never", "question" or "always".
        follow_ups: how many turns in a row began like that.
        answered: what sounds now answers a command of ours.
        asks: the answer wants another command.
        accepted: a server runs a pipeline for this turn.
        sends_room: when a server that listens for the wake word gets the sound of the room: "never", "voice", "always".
        resent: this turn's command was sent to a second server; to a third it is not.
    """

    server_ends: bool = False
    max_s: float = 30.0
    keep_s: float = 15.0
    stop_words: frozenset[str] = frozenset()
    follow_up: str = "question"
    follow_ups: int = 0
    answered: bool = False
    asks: bool = False
    muted: bool = False
    sends_room: str = "never"
    watch: Watch = Watch()
    phase: Phase = Phase.IDLE
    turn: int = 0
    accepted: bool = False
    resent: bool = False
    connection: int | None = None
    paused: bool = False
    sounds: tuple[Sound, ...] = ()
    next_source: int = 1
    dropping: bool = False
    accept_by: float | None = None
    stop_by: float | None = None
    wait_by: float | None = None
    sound_by: float | None = None
    stale_until: float | None = None

    @property
    def streaming(self) -> bool:
        """The command is being streamed."""
        return self.phase in (Phase.REQUESTED, Phase.LISTENING)

    @property
    def kept(self) -> bool:
        """No server has this turn's command whole: it may have to be sent, or sent again, from its beginning."""
        return self.streaming or (self.phase is Phase.TRANSCRIBING and not self.accepted)

    @property
    def deaf(self) -> bool:
        """The microphone is muted, by the owner or by the server."""
        return self.muted or (self.paused and self.connection is not None)

    @property
    def run_unanswered(self) -> bool:
        """A run took another one's place and is not answered yet: what the server says may be about the old one."""
        return self.accept_by is not None and self.stale_until is not None

    @property
    def open_sound(self) -> Sound | None:
        """The sound that the server is still sending."""
        return next((sound for sound in self.sounds if not sound.complete), None)

    @property
    def deadline_s(self) -> float | None:
        """When a Tick is wanted."""
        own = (self.accept_by, self.stop_by, self.wait_by, self.sound_by, self.stale_until)
        times = (*own, self.watch.accept_by, self.watch.retry_at, self.watch.listen_at)
        return min((time for time in times if time is not None), default=None)
