"""What the session wants done; the app does it. Frozen values; nothing in here does anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TypeAlias

from satellite.core.messages import Message


@dataclass(frozen=True, slots=True)
class Command:
    """A command being streamed.

    Attributes:
        turn: number of the conversation turn; the listener's speech events carry it back.
        wake_at: sample index of the end of the hop that fired, or None when listening began without a wake word.
        word: the wake word before it, as whoever heard it calls it; empty: none, or nobody but the server knows.
    """

    turn: int
    wake_at: int | None
    word: str = ""
    follows_up: bool = False
    """An answer asked for it: nobody has said yet that they will speak."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Which sound the owner wants recorded."""

    wakes: bool = False
    near_misses: bool = False
    utterances: bool = False

    def words(self) -> tuple[str, ...]:
        """Those that are wanted, for people."""
        return tuple(entry.name.replace("_", " ") for entry in fields(self) if getattr(self, entry.name))


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """All that the capture thread is told. Latest wins; read once per frame.

    Attributes:
        command: stream this command; None waits for a wake word.
        muted: the microphone is replaced by silence before anything hears it.
        keep: give the sound of these, too.
        thresholds: wake word model name to its threshold, where it differs from the configuration.
        sensitivity: high, normal or low.
    """

    command: Command | None = None
    muted: bool = False
    keep: Keep = field(default=Keep(), kw_only=True)
    thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    sensitivity: str = "normal"


@dataclass(frozen=True, slots=True)
class TellServer:
    """Queue this message for the server, in order."""

    message: Message


@dataclass(frozen=True, slots=True)
class StartStream:
    """The stream of a turn begins: send the synthetic lead-in (quiet noise at `floor_dbfs`) as its first sound.

    None: no lead-in, because the server hears us already.
    """

    turn: int
    floor_dbfs: float | None


@dataclass(frozen=True, slots=True)
class SendCommandAgain:
    """Tell the server all that was told since RunPipeline, which an earlier one did not get, or not whole."""


@dataclass(frozen=True, slots=True)
class DropServer:
    """Close the server's connection: it is dead or disobedient."""

    reason: str


@dataclass(frozen=True, slots=True)
class RemoteDeaf:
    """Nothing to do but to tell a person: the server does not listen for the wake word."""

    retry_s: float


@dataclass(frozen=True, slots=True)
class ListenFor:
    """Tell the listener what to do from now on."""

    command: Command | None
    muted: bool


@dataclass(frozen=True, slots=True)
class PlayCue:
    """Play one of our own sounds, by its name in the configuration."""

    name: str


@dataclass(frozen=True, slots=True)
class StopCue:
    """Cut this one of our own sounds now; all others play on."""

    name: str


@dataclass(frozen=True, slots=True)
class PlayStart:
    """Begin to play a sound from the server; its samples follow."""

    source: int
    rate_hz: int
    channels: int
    width_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class PlayAudio:
    """More samples of `source`."""

    source: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class PlayEnd:
    """No more samples of `source` will come; PlaybackFinished is owed for it."""

    source: int


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """Silence the speaker now; nothing that was queued is played, no PlaybackFinished follows."""


Effect: TypeAlias = (
    TellServer
    | StartStream
    | SendCommandAgain
    | DropServer
    | RemoteDeaf
    | ListenFor
    | PlayCue
    | StopCue
    | PlayStart
    | PlayAudio
    | PlayEnd
    | StopPlayback
)
