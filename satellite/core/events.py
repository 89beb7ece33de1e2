"""What happened: to the listener, the devices, the server, people and time. Frozen values: nothing here acts.

The session answers events with effects (`core/effects.py`), some of which are messages to the server
(`core/messages.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

# --- events from the listener and the devices -----------------------------------------------------------------------


class EndReason(StrEnum):
    """Why a command ended."""

    SILENCE = "silence"
    TOO_LONG = "too long"
    NO_SPEECH = "no speech"
    STALLED = "stalled"
    FLUSHED = "end of input"


@dataclass(frozen=True, slots=True)
class WakeDetected:
    """A wake word was heard.

    Attributes:
        at: sample index of the end of the hop that fired.
        floor_dbfs: noise floor then.
        captured_s: when sample `at` came from the microphone, on the monotonic clock; the capture thread knows.
    """

    model: str
    phrase: str
    score: float
    at: int
    floor_dbfs: float
    captured_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Overheard:
    """Sound around a wake word, or around what was nearly taken for one; given only when it was asked for.

    Attributes:
        kind: "wake" or "near miss".
        model, score, threshold: the word, its highest score, and what it needed.
        at: sample index of the end of the hop with that score.
        pcm: WIRE_FORMAT, as it came from the microphone; `start`: index of its first sample.
    """

    kind: str
    model: str
    score: float
    threshold: float
    at: int
    start: int = 0
    pcm: bytes = b""


@dataclass(frozen=True, slots=True)
class VoiceBegan:
    """Somebody speaks, from sample `at` on; only where voices are sent to Home Assistant to find the wake word."""

    at: int


@dataclass(frozen=True, slots=True)
class VoiceOver:
    """Nobody has been speaking for a while, up to sample `at`; no sound of the room comes until VoiceBegan."""

    at: int


@dataclass(frozen=True, slots=True, eq=False)
class RoomAudio:
    """Sound for who listens for the wake word instead of us. `pcm`: WIRE_FORMAT; `start`: index of its first sample."""

    start: int
    pcm: bytes

    @property
    def end(self) -> int:
        """Index one past its last sample."""
        return self.start + len(self.pcm) // 2


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The command's speech began at sample `at`."""

    turn: int
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class SpeechAudio:
    """Sound of the command, gap-free. `pcm`: WIRE_FORMAT; `start`: index of its first sample."""

    turn: int
    start: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The command's speech is over, decided at sample `at`. Audio goes on until told otherwise."""

    turn: int
    at: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class AudioLost:
    """`count` samples (an estimate by the clock) are missing at `at`; zeros stand in their place.

    Or they are missing before `at`: the beginning of a command that was asked for too late.
    """

    at: int
    count: int
    cause: str


class Device(StrEnum):
    """Which device."""

    MICROPHONE = "microphone"
    SPEAKER = "speaker"


@dataclass(frozen=True, slots=True)
class DeviceFailed:
    """A device was lost, or cannot be opened. Sent once per loss. `wanted`: closed on purpose, to be reopened."""

    device: Device
    text: str
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class DeviceReady:
    """A device is open (again). `text` says what was opened, for the log."""

    device: Device
    text: str


@dataclass(frozen=True, slots=True)
class MicrophoneSilent:
    """Up to sample `at` the open microphone gave the same value for 30 s: it is dead, or muted in hardware."""

    at: int


@dataclass(frozen=True, slots=True)
class MicrophoneHeard:
    """At sample `at` a silent microphone gives sound again, after `silent_s`."""

    at: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class MicrophoneEnded:
    """A microphone that is a file came to its end; every sample of it was heard."""

    at: int


@dataclass(frozen=True, slots=True)
class WorkShed:
    """Listening was too much for this board, `p95_ms` of each 80 ms: it gave up `what`."""

    what: str
    p95_ms: float


@dataclass(frozen=True, slots=True)
class WorkResumed:
    """The board has room again for `what`, which it had given up."""

    what: str


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first samples of `source` were given to the speaker, at `written_s` on the monotonic clock."""

    source: int
    written_s: float


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """The last sample of `source` has left the speaker, or `failed`: it will never be heard."""

    source: int
    failed: bool = False


# --- events from the server -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerConnected:
    """A peer asked us to be its satellite (run-satellite); from now on it is the server."""

    connection: int
    peer: str


@dataclass(frozen=True, slots=True)
class ServerLost:
    """The server's connection is over."""

    connection: int
    reason: str


@dataclass(frozen=True, slots=True)
class ServerPaused:
    """The server muted us; it reads no more until it connects anew."""


@dataclass(frozen=True, slots=True)
class RemoteListening:
    """The server looks for a wake word in what we send."""


@dataclass(frozen=True, slots=True)
class RemoteWake:
    """Who listens instead of us heard a wake word. `at_ms`: the time of its sound, as we told it; None: unknown."""

    name: str
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Transcribing:
    """The server accepted the run and is listening."""


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """The server's own detector heard speech."""


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """The server's own detector found the end of speech."""


@dataclass(frozen=True, slots=True)
class TranscriptReceived:
    """What the server understood."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerText:
    """The text of the answer about to be spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """Sound from the server begins: an answer or an announcement."""

    rate_hz: int
    channels: int
    width_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class AnswerAudio:
    """Sound from the server, in the format of its AnswerStarted."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """The sound from the server is complete; exactly one Played is owed for it."""


@dataclass(frozen=True, slots=True)
class PipelineFailed:
    """The server's pipeline failed; no transcript and no speech follow."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class TimerChanged:
    """`kind`: started, updated, cancelled, finished. `data`: as received."""

    kind: str
    id: str
    data: Mapping[str, Any] = field(default_factory=dict, compare=False)


# --- events from people and from time -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """The owner muted or unmuted the microphone."""

    muted: bool


@dataclass(frozen=True, slots=True)
class ListenRequested:
    """Listen now, without a wake word."""


@dataclass(frozen=True, slots=True)
class AlarmDismissed:
    """The owner silences the timers that ring."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The session's deadline has come."""


Event: TypeAlias = (
    WakeDetected
    | Overheard
    | VoiceBegan
    | VoiceOver
    | RoomAudio
    | SpeechStarted
    | SpeechAudio
    | SpeechEnded
    | AudioLost
    | DeviceFailed
    | DeviceReady
    | MicrophoneSilent
    | MicrophoneHeard
    | MicrophoneEnded
    | WorkShed
    | WorkResumed
    | PlaybackStarted
    | PlaybackFinished
    | ServerConnected
    | ServerLost
    | ServerPaused
    | RemoteListening
    | RemoteWake
    | Transcribing
    | VoiceStarted
    | VoiceStopped
    | TranscriptReceived
    | AnswerText
    | AnswerStarted
    | AnswerAudio
    | AnswerEnded
    | PipelineFailed
    | TimerChanged
    | MuteChanged
    | ListenRequested
    | AlarmDismissed
    | Tick
)

FROM_SERVER = (
    ServerPaused
    | RemoteListening
    | RemoteWake
    | Transcribing
    | VoiceStarted
    | VoiceStopped
    | TranscriptReceived
    | AnswerText
    | AnswerStarted
    | AnswerAudio
    | AnswerEnded
    | PipelineFailed
    | TimerChanged
)
