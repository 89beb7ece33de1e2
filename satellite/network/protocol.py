"""Wyoming events and ours: the only module that knows the `wyoming` package and the names of its events.

A peer may leave out or misspell what we can do without; it may not break the frame (`frame`) or announce sound that
cannot be sound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from wyoming import audio, info, ping, pipeline, snd, wake
from wyoming.event import Event as WyomingEvent
from wyoming.version import __version__ as wyoming_version

from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.audio import WIRE_FORMAT, AudioFormat
from satellite.core.errors import ProtocolError
from satellite.network.frame import Frame, one_line, read_frame, write_frame

# What Home Assistant sends, and therefore what an audio-start without a format means.
ANSWER_FORMAT = AudioFormat(22_050, 1, 2)
RATES_HZ = range(1_000, 384_001)
CHANNELS = range(1, 33)
WIDTHS_BYTES = range(1, 5)
# Of a service; more are not looked at.
WAKE_WORDS = 200
# Home Assistant's have 26 characters; those of timers that run are kept.
_TIMER_ID = 200
# A year of sound.
_LAST_MS = 366 * 86_400_000


# --- what a peer asks of the connection, beside the events that go to the conversation --------------------------------


@dataclass(frozen=True, slots=True)
class Describe:
    """The peer wants our info."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer wants a pong with the same text."""

    text: str | None = None


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to our own ping."""


@dataclass(frozen=True, slots=True)
class RunSatellite:
    """The peer wants to be our server."""


@dataclass(frozen=True, slots=True)
class PauseSatellite:
    """The server mutes us."""


@dataclass(frozen=True, slots=True)
class RunPipeline:
    """The peer wants us to listen to a command."""


@dataclass(frozen=True, slots=True)
class WakeWords:
    """The names of the wake words that the peer can hear."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that says nothing to us."""

    type: str


Received: TypeAlias = (
    Describe | Ping | Pong | RunSatellite | PauseSatellite | RunPipeline | WakeWords | Ignored | ev.Event
)


async def read_event(reader: asyncio.StreamReader) -> Received | None:
    """The next event, or None when the peer closed the connection.

    Args:
        reader: made with limit=frame.HEADER_BYTES.

    Raises:
        ProtocolError: what came is not Wyoming.
        OSError: the connection failed.
    """
    frame = await read_frame(reader)
    return None if frame is None else decode(frame)


def decode(frame: Frame) -> Received:
    """What an event means to us. Missing or malformed texts are empty; time stamps and unknown fields do not matter.

    Raises:
        ProtocolError: an audio format that cannot be.
    """
    read = _DECODERS.get(frame.type)
    return Ignored(one_line(frame.type, 60)) if read is None else read(frame)


def _ping(frame: Frame) -> Ping:
    text = frame.data.get("text")
    return Ping(text if isinstance(text, str) else None)


def _audio_start(frame: Frame) -> ev.AnswerStarted:
    return ev.AnswerStarted(
        _number(frame.data, "rate", ANSWER_FORMAT.rate_hz, RATES_HZ),
        _number(frame.data, "channels", ANSWER_FORMAT.channels, CHANNELS),
        _number(frame.data, "width", ANSWER_FORMAT.width_bytes, WIDTHS_BYTES),
    )


def _audio_chunk(frame: Frame) -> Received:
    return ev.AnswerAudio(frame.payload) if frame.payload else Ignored(frame.type)


def _error(frame: Frame) -> ev.PipelineFailed:
    return ev.PipelineFailed(one_line(_text(frame.data, "code")), one_line(_text(frame.data, "text"), 500))


def _info(frame: Frame) -> WakeWords:
    models = [model for program in _records(frame.data, "wake") for model in _records(program, "models")]
    return WakeWords(tuple(one_line(_text(model, "name"), 60) for model in models[:WAKE_WORDS]))


def _records(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = data.get(key)
    return [record for record in value if isinstance(record, dict)] if isinstance(value, list) else []


def _timer(kind: str) -> Callable[[Frame], ev.TimerChanged]:
    return lambda frame: ev.TimerChanged(kind, _text(frame.data, "id")[:_TIMER_ID], frame.data)


_DECODERS: dict[str, Callable[[Frame], Received]] = {
    "info": _info,
    "describe": lambda _: Describe(),
    "ping": _ping,
    "pong": lambda _: Pong(),
    "run-satellite": lambda _: RunSatellite(),
    "pause-satellite": lambda _: PauseSatellite(),
    "run-pipeline": lambda _: RunPipeline(),
    "detect": lambda _: ev.RemoteListening(),
    "detection": lambda frame: ev.RemoteWake(_text(frame.data, "name"), _milliseconds(frame.data)),
    "transcribe": lambda _: ev.Transcribing(),
    "voice-started": lambda _: ev.VoiceStarted(),
    "voice-stopped": lambda _: ev.VoiceStopped(),
    "transcript": lambda frame: ev.TranscriptReceived(_text(frame.data, "text")),
    "synthesize": lambda frame: ev.AnswerText(_text(frame.data, "text")),
    "audio-start": _audio_start,
    "audio-chunk": _audio_chunk,
    "audio-stop": lambda _: ev.AnswerEnded(),
    "error": _error,
    "timer-started": _timer("started"),
    "timer-updated": _timer("updated"),
    "timer-cancelled": _timer("cancelled"),
    "timer-finished": _timer("finished"),
}


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    # JSON can spell half a surrogate pair, which no log and no file can hold.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _milliseconds(data: Mapping[str, Any]) -> int | None:
    value = data.get("timestamp")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _LAST_MS:
        return None
    return round(value)


def _number(data: Mapping[str, Any], key: str, default: int, allowed: range) -> int:
    value = data.get(key)
    if value is None:
        return default
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or value not in allowed:
        shown = one_line(str(value), 40)
        raise ProtocolError(f"audio-start with {key} {shown}; {allowed.start} to {allowed.stop - 1} can be played")
    return value


# --- what we tell a peer ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WakeWord:
    """A wake word we listen for: `name` as in Detection, `phrase` as a person says it ("Hey Jarvis").

    Home Assistant compares phrases between satellites to find out that two heard the same person. `engine`:
    openWakeWord or microWakeWord.
    """

    name: str
    phrase: str
    languages: tuple[str, ...] = ("en",)
    engine: str = "openWakeWord"


@dataclass(frozen=True, slots=True)
class SatelliteInfo:
    """What a peer that describes us is told.

    Attributes:
        speaker: the format of the real output, None without one.
        remote_trigger: the server may make us listen.
    """

    name: str
    version: str
    area: str = ""
    description: str = "Voice satellite"
    wake_words: tuple[WakeWord, ...] = ()
    speaker: AudioFormat | None = None
    remote_trigger: bool = False


_OURS = info.Attribution(name="satellite", url="https://www.home-assistant.io/voice_control/")
_OPEN_WAKE_WORD = info.Attribution(name="openWakeWord", url="https://github.com/dscripka/openWakeWord")
_MICRO_WAKE_WORD = info.Attribution(name="microWakeWord", url="https://github.com/kahrendt/microWakeWord")
_ENGINES = {engine.name: engine for engine in (_OPEN_WAKE_WORD, _MICRO_WAKE_WORD)}


def encode_info(satellite: SatelliteInfo) -> bytes:
    """The answer to Describe."""
    return _encode(
        info.Info(
            wake=_wake_programs(satellite),
            mic=[info.MicProgram("microphone", _OURS, True, "Microphone", satellite.version, _format(WIRE_FORMAT))],
            snd=_speaker_programs(satellite),
            satellite=_satellite(satellite),
        ).event()
    )


def _satellite(satellite: SatelliteInfo) -> info.Satellite:
    return info.Satellite(
        name=satellite.name,
        attribution=_OURS,
        installed=True,
        description=satellite.description,
        version=satellite.version,
        area=satellite.area or None,
        has_vad=True,
        active_wake_words=[word.name for word in satellite.wake_words],
        max_active_wake_words=len(satellite.wake_words),
        supports_trigger=satellite.remote_trigger,
    )


def _wake_programs(satellite: SatelliteInfo) -> list[info.WakeProgram]:
    models = [
        info.WakeModel(word.name, _ENGINES[word.engine], True, word.phrase, None, list(word.languages), word.phrase)
        for word in satellite.wake_words
    ]
    program = info.WakeProgram("openwakeword", _OPEN_WAKE_WORD, True, "Wake words", satellite.version, models)
    return [program] if models else []


def _speaker_programs(satellite: SatelliteInfo) -> list[info.SndProgram]:
    if satellite.speaker is None:
        return []
    return [info.SndProgram("speaker", _OURS, True, "Speaker", satellite.version, _format(satellite.speaker))]


def _format(of: AudioFormat) -> audio.AudioFormat:
    return audio.AudioFormat(rate=of.rate_hz, width=of.width_bytes, channels=of.channels)


def encode_pong(text: str | None) -> bytes:
    """The answer to Ping."""
    return _encode(ping.Pong(text).event())


def encode_ping() -> bytes:
    """A ping of our own."""
    return _encode(ping.Ping().event())


def encode(message: msg.Message) -> bytes:
    """A message to the server."""
    match message:
        case msg.MicAudio(pcm):
            return _microphone_head(len(pcm)) + pcm
        case msg.Detection(name):
            return _encode(wake.Detection(name).event())
        case msg.RunPipeline(from_wake):
            return _RUN_FROM_WAKE if from_wake else _RUN_PIPELINE
        case msg.MicStop():
            return _MIC_STOP
        case msg.Played():
            return _PLAYED


def encode_describe() -> bytes:
    """To a wake word service: which wake words do you know?"""
    return _encode(info.Describe().event())


def encode_detect(names: Sequence[str]) -> bytes:
    """To a wake word service: look for these words, or whatever you like, in the sound that begins now."""
    return _encode(wake.Detect(list(names) or None).event()) + _ROOM_START


def encode_detect_again() -> bytes:
    """To a wake word service that heard its word: it may wait for another stream before it listens again.

    No audio-stop before it: openWakeWord's and Porcupine's services hang up at one.
    """
    return _ROOM_START


def encode_room_audio(pcm: bytes, at_ms: int) -> bytes:
    """To a wake word service: WIRE_FORMAT, and when it was heard."""
    chunk = audio.AudioChunk(WIRE_FORMAT.rate_hz, WIRE_FORMAT.width_bytes, WIRE_FORMAT.channels, pcm, timestamp=at_ms)
    return _encode(chunk.event())


@lru_cache(maxsize=64)
def _microphone_head(length: int) -> bytes:
    """All of an audio-chunk but its sound: the same for every chunk of one size."""
    chunk = audio.AudioChunk(WIRE_FORMAT.rate_hz, WIRE_FORMAT.width_bytes, WIRE_FORMAT.channels, bytes(length))
    whole = _encode(chunk.event())
    return whole[: len(whole) - length]


def _encode(event: WyomingEvent) -> bytes:
    return write_frame(Frame(event.type, event.data, event.payload or b""), wyoming_version)


_RUN_PIPELINE = _encode(pipeline.RunPipeline(pipeline.PipelineStage.ASR, pipeline.PipelineStage.TTS).event())
_RUN_FROM_WAKE = _encode(pipeline.RunPipeline(pipeline.PipelineStage.WAKE, pipeline.PipelineStage.TTS).event())
_MIC_STOP = _encode(audio.AudioStop().event())
_PLAYED = _encode(snd.Played().event())
_ROOM_START = _encode(
    audio.AudioStart(WIRE_FORMAT.rate_hz, WIRE_FORMAT.width_bytes, WIRE_FORMAT.channels, timestamp=0).event()
)
