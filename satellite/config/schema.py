"""What can be set: one frozen dataclass for each table of the file.

What each setting means, its range and its default stand once, here; the example file and the error messages are made
from it. Whether a model or a device exists is not known here: that is the app's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

DEFAULT_PORT = 10_700


def setting(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    filled: bool = False,
) -> Any:
    """A dataclass field that knows its own documentation, range and choices; `filled`: the empty text is refused."""
    limits = {"low": low, "high": high, "choices": choices, "filled": filled}
    return field(default=default, metadata={"doc": doc, **limits})


@dataclass(frozen=True, slots=True)
class Identity:
    """[satellite]: what Home Assistant calls this device."""

    name: str = setting("", "Name shown in Home Assistant; empty: the host's name.")
    area: str = setting("", "Suggested area (room); empty: none.")


@dataclass(frozen=True, slots=True)
class MicrophoneConfig:
    """[microphone]: where sound comes from."""

    device: str = setting(
        "default",
        "ALSA PCM name, card id, index or part of the name (satellite --list-devices); or command:PROGRAM ARGS (raw "
        "PCM on its standard output); or wav:FILE.",
        filled=True,
    )
    rate_hz: int = setting(16_000, "Rate asked for; what the card cannot do is converted.", low=8_000, high=192_000)
    channels: int = setting(1, "Channels asked for.", low=1, high=32)
    channel: int = setting(-1, "Which channel to hear, from 0; -1: the mean of all.", low=-1, high=31)
    gain_db: float = setting(0.0, "Software gain on what is sent to Home Assistant.", low=-40.0, high=40.0)
    aec: str = setting(
        "auto",
        "Take what the speaker plays out of what the microphone hears, so that a wake word is heard over it and the "
        "satellite does not wake itself. speex: needs the Debian package libspeexdsp1. auto: the same where that is "
        "installed; elsewhere it only does not wake itself. webrtc: needs the extra [webrtc]; takes more of the echo "
        "away, and most of who speaks over it. off: for microphones that do it themselves, the chime included.",
        choices=("off", "speex", "webrtc", "auto"),
    )
    period_ms: float = setting(16.0, "ALSA period.", low=5.0, high=200.0)
    buffer_ms: float = setting(500.0, "ALSA buffer asked for.", low=50.0, high=5_000.0)


@dataclass(frozen=True, slots=True)
class SpeakerConfig:
    """[speaker]: where sound goes to."""

    device: str = setting(
        "default",
        "As for the microphone: ALSA name, card id, index or part of the name; command:PROGRAM ARGS (raw PCM on its "
        "standard input); wav:FILE; or none.",
        filled=True,
    )
    rate_hz: int = setting(48_000, "Rate asked for; what the card has is used.", low=8_000, high=192_000)
    channels: int = setting(1, "Channels asked for.", low=1, high=8)
    volume: int = setting(100, "Master volume in percent; changed at run time by --set volume=N.", low=0, high=100)
    cue_volume: int = setting(
        100,
        "Volume of its own short sounds beside the master's; an alarm has the master's.",
        low=0,
        high=100,
    )
    period_ms: float = setting(20.0, "ALSA period.", low=5.0, high=200.0)
    buffer_ms: float = setting(100.0, "ALSA buffer asked for.", low=20.0, high=2_000.0)
    warm_up_s: float = setting(
        0.0,
        "Silence before the first sound after a rest, for an amplifier that swallows the beginning of what it hears.",
        low=0.0,
        high=5.0,
    )
    idle_s: float = setting(
        10.0, "The card rests after so much silence; the highest value keeps it awake.", low=0.0, high=86_400.0
    )
    release: bool = setting(False, "Close the card when it rests, so that other programs can use it.")


@dataclass(frozen=True, slots=True)
class WakeWordConfig:
    """[[wake_word]]: what it listens for, one such table for each wake word."""

    model: str = setting(
        "hey_jarvis",
        "Name from models/manifest.toml; or the path of an own file: openWakeWord's .onnx, or microWakeWord's .tflite "
        "with its .json beside it.",
        filled=True,
    )
    threshold: float = setting(
        0.0,
        "Score at which it counts as heard; 0: as its makers advise (openWakeWord: 0.5, microWakeWord: in each .json), "
        "but 0.6 for alexa.",
        low=0.0,
        high=1.0,
    )
    phrase: str = setting("", "What Home Assistant is told was said; empty: the model's own phrase.")
    refractory_s: float = setting(
        2.0,
        "Deaf to this word so long after hearing it; Home Assistant refuses repeats within 2 s.",
        low=2.0,
        high=60.0,
    )
    agreeing_hops: int = setting(
        1,
        "Of the last `of_hops` hops of 80 ms so many must score the threshold; 2 of 3 wakes 80 ms later.",
        low=1,
        high=8,
    )
    of_hops: int = setting(1, "See agreeing_hops; never fewer than those.", low=1, high=8)
    second_look: float = setting(
        0.0,
        "Wake only if the speech model gives this probability somewhere in the second before; 0: it is not asked. 0.9 "
        'refuses sounds that are no speech. Not with listening.vad = "energy".',
        low=0.0,
        high=0.95,
    )
    syllables: int = setting(
        0,
        'Wake only if so many syllables are heard in the 1.2 s before; 0: they are not counted. 3 keeps "jarvis" alone '
        'from waking hey_jarvis where there is no noise, and refuses one "hey jarvis" in twenty-five.',
        low=0,
        high=6,
    )
    stop: bool = setting(
        False,
        "A word that only stops: an answer, an announcement, the alarm of a timer. Nothing is listened to after it.",
    )


@dataclass(frozen=True, slots=True)
class ListeningConfig:
    """[listening]: who hears the wake word, how easily, and at what cost."""

    mode: str = setting(
        "local",
        "Who hears the wake word: this device (local; until then nothing leaves it); a Wyoming wake word service, "
        "which gets all sound (service); or Home Assistant, which gets all sound (stream), or what is near a voice "
        "(stream-voice), and needs a wake word in its pipeline. [[wake_word]] counts in local only.",
        choices=("local", "service", "stream-voice", "stream"),
    )
    wake_uri: str = setting("", "For service: where it is, as tcp://HOST:PORT.")
    wake_names: tuple[str, ...] = setting((), "For service: its names of the wake words; empty: as it likes.")
    voice_pre_roll_ms: float = setting(
        250.0, "For stream-voice: so much from before a voice is sent.", low=0.0, high=2_000.0
    )
    voice_padding_ms: float = setting(
        300.0, "For stream-voice: silence that ends a voice; it is sent with a second more.", low=100.0, high=5_000.0
    )
    voice_max_s: float = setting(30.0, "For stream-voice: longest voice that is sent as one.", low=2.0, high=60.0)

    sensitivity: str = setting(
        "normal",
        "One knob for all that decides whether there is a voice: how much louder than the room sound must be, and by "
        "how much each threshold, which is that of normal, is lower (high) or higher (low): 0.5 is 0.3 or 0.7 for "
        "speech, 0.35 or 0.7 for a wake word. Changed at run time by --set sensitivity=LEVEL.",
        choices=("high", "normal", "low"),
    )
    gate: bool = setting(True, "Let the wake words rest while it is as quiet as the room always is: saves power.")
    vad: str = setting(
        "silero",
        "What tells speech from other sound in a command: Silero's model, or the level alone (energy), for the "
        "smallest boards in quiet rooms.",
        choices=("silero", "energy"),
    )


@dataclass(frozen=True, slots=True)
class ProcessingConfig:
    """[processing]: what is done to the sound that Home Assistant gets. What listens here hears it as it came."""

    high_pass_hz: float = setting(
        0.0,
        "Take away what is lower: 20 for an offset of the microphone, 80 to 100 for rumble, too; 0: nothing.",
        low=0.0,
        high=500.0,
    )
    noise_suppression: str = setting(
        "off",
        "Press down what is no voice, by up to 6, 12, 18 or 21 dB (needs the extra [webrtc]). Voices lose a bit.",
        choices=("off", "low", "medium", "high", "highest"),
    )
    agc: str = setting(
        "off",
        "Gain that follows the voice: our own (slow), which knows the voice from its wake word; or WebRTC's, which has "
        "its own target (webrtc; needs the extra [webrtc]).",
        choices=("off", "slow", "webrtc"),
    )
    target_dbfs: float = setting(-18.0, "Level of voices that slow gain aims at.", low=-40.0, high=-3.0)
    max_gain_db: float = setting(30.0, "No automatic gain above this.", low=0.0, high=50.0)
    limiter: bool = setting(
        False, "Turn down what would be above the ceiling, instead of clipping it; slow gain always has it."
    )
    ceiling_dbfs: float = setting(-1.0, "The limiter's.", low=-3.0, high=0.0)
    peak_normalise: bool = setting(
        False,
        "Bring the peak of every 10 ms to peak_dbfs. For comparison only: pauses become as loud as speech, and what "
        "looks for the end of speech hears speech in them.",
    )
    peak_dbfs: float = setting(-3.0, "Where peaks are brought to.", low=-60.0, high=0.0)


@dataclass(frozen=True, slots=True)
class CommandConfig:
    """[command]: what is streamed after the wake word, and when it is over."""

    end_of_speech: str = setting(
        "local",
        "Who finds the end of the command: this device (local), or Home Assistant (server) with this device as backup.",
        choices=("local", "server"),
    )
    vad_threshold: float = setting(0.5, "Speech probability from which sound counts as speech.", low=0.05, high=0.95)
    min_speech_ms: float = setting(120.0, "Speech shorter than this is not a command.", low=30.0, high=5_000.0)
    end_silence_ms: float = setting(
        570.0,
        "Silence that ends the command; after less than 0.6 s of speech, when more is likely to come, up to half as "
        "much again.",
        low=100.0,
        high=5_000.0,
    )
    no_speech_s: float = setting(5.0, "Give up when nothing is said for so long.", low=1.0, high=30.0)
    max_s: float = setting(30.0, "Longest command.", low=2.0, high=60.0)
    follow_up: str = setting(
        "question",
        "Listen again without a wake word: when the answer ends in a question mark (question), after each (always).",
        choices=("never", "question", "always"),
    )
    follow_up_s: float = setting(
        5.0, "Give up when nothing is said for so long after an answer that asks.", low=1.0, high=30.0
    )
    keep_s: float = setting(
        15.0,
        "A command spoken while Home Assistant is away waits so long for it (of longer ones 30 s are kept); 0: never.",
        low=0.0,
        high=60.0,
    )


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """[server]: who may connect, and where."""

    host: str = setting("", "Address or network interface to listen on; empty: all, IPv4 and IPv6.")
    port: int = setting(DEFAULT_PORT, "TCP port; 0 lets the system choose.", low=0, high=65_535)
    allow: tuple[str, ...] = setting(
        (),
        "Addresses and networks that may connect; empty: this machine, private networks, those on its own interfaces.",
    )
    trust: str = setting(
        "any",
        "Which of those who may connect may be the server: any, or only the first that ever was (first; forgotten by "
        "--set trust=anew).",
        choices=("any", "first"),
    )
    remote_trigger: bool = setting(
        False, "Let the server make the satellite listen to a command (run-pipeline); Home Assistant does not ask."
    )


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """[discovery]: how Home Assistant finds this device."""

    enabled: bool = setting(True, "Announce this device on the local network by mDNS.")


@dataclass(frozen=True, slots=True)
class SoundsConfig:
    """[sounds]: each is "default", "off", or the path of a sound file (not WAV: with the extra [codecs])."""

    awake: str = setting("default", "Played when Home Assistant begins to listen.", filled=True)
    done: str = setting("off", "Played when the command has been heard to its end.", filled=True)
    error: str = setting("default", "Played when Home Assistant reports an error.", filled=True)
    follow_up: str = setting("default", "Played when it listens again without a wake word.", filled=True)
    timer: str = setting("default", "Played again and again when a timer is over.", filled=True)
    not_understood: str = setting("default", "Played when Home Assistant understood no words.", filled=True)
    waiting: str = setting("default", "Played when you are heard but Home Assistant is away: it may come.", filled=True)
    away: str = setting("default", "Played when Home Assistant did not come, or went away.", filled=True)
    no_microphone: str = setting("default", "Played when the microphone was lost.", filled=True)


@dataclass(frozen=True, slots=True)
class RecordingsConfig:
    """[recordings]: what is kept of the sound, to find out why it wakes too often or too seldom. Off by default."""

    wakes: bool = setting(False, "Keep 2 s around each wake word that was heard.")
    near_misses: bool = setting(False, "Keep 2 s around each score above half of its threshold that was not enough.")
    utterances: bool = setting(False, "Keep each command as it was streamed, with what Home Assistant understood.")
    folder: str = setting(
        "", "Where they are kept, for this user's eyes only; empty: the folder recordings beside the state."
    )
    keep: int = setting(50, "So many of each kind; the oldest goes first.", low=1, high=1_000)
    limit_bytes: int = setting(32 * 1024 * 1024, "And so much in all.", low=1024 * 1024, high=64 * 1024 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class HooksConfig:
    """[hooks]: commands that are run, without a shell, when something happens; what is in their environment."""

    ready: str = setting("", "The satellite serves, for the first time since its start.")
    wake: str = setting("", "A wake word was heard: HOOK_WAKE_WORD, HOOK_TEXT (its phrase), HOOK_SCORE.")
    streaming_start: str = setting("", "What you say is sent to Home Assistant.")
    streaming_stop: str = setting("", "What you say is not sent any more.")
    transcript: str = setting("", "Home Assistant understood HOOK_TEXT.")
    answer: str = setting("", "Home Assistant is about to say HOOK_TEXT.")
    playing: str = setting("", "An answer or announcement begins to be heard.")
    played: str = setting("", "An answer or announcement is over, or was stopped.")
    error: str = setting(
        "", "Home Assistant reports an error, or did not come (HOOK_CODE is away): HOOK_CODE, HOOK_TEXT."
    )
    connected: str = setting("", "Home Assistant is connected, from HOOK_TEXT.")
    disconnected: str = setting("", "Home Assistant is gone, because of HOOK_TEXT.")
    timer: str = setting(
        "", "A timer: HOOK_CODE (started, updated, cancelled, finished), HOOK_ID, HOOK_NAME, HOOK_TOTAL_SECONDS."
    )
    alarm: str = setting("", "A timer begins to ring.")
    muted: str = setting("", "The microphone is off, by you or by Home Assistant.")
    unmuted: str = setting("", "The microphone is on again.")
    device_lost: str = setting("", "HOOK_DEVICE (microphone or speaker) is lost, because of HOOK_TEXT.")
    device_ready: str = setting("", "HOOK_DEVICE (microphone or speaker) is open: HOOK_TEXT.")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """[log]: what the satellite writes about itself."""

    level: str = setting("info", "Least severe level shown.", choices=("debug", "info", "warning", "error"))
    format: str = setting(
        "text", "Lines for people, or one JSON object for each line (json) for programs.", choices=("text", "json")
    )


@dataclass(frozen=True, slots=True)
class PathsConfig:
    """[paths]: empty means the usual place (XDG for a user, /var/lib/satellite and /run/satellite for the service)."""

    state: str = setting("", "Folder for what must survive a restart: identity, volume, mute, timers.")
    models: str = setting("", "Folder of the model files.")
    control: str = setting("", "Unix socket for --status and --set.")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything. The field names are the tables of the file."""

    satellite: Identity = field(default_factory=Identity)
    microphone: MicrophoneConfig = field(default_factory=MicrophoneConfig)
    speaker: SpeakerConfig = field(default_factory=SpeakerConfig)
    wake_word: tuple[WakeWordConfig, ...] = (WakeWordConfig(),)
    listening: ListeningConfig = field(default_factory=ListeningConfig)
    processing: ProcessingConfig = field(default_factory=ProcessingConfig)
    command: CommandConfig = field(default_factory=CommandConfig)
    server: ServerConfig = field(default_factory=ServerConfig)
    discovery: DiscoveryConfig = field(default_factory=DiscoveryConfig)
    sounds: SoundsConfig = field(default_factory=SoundsConfig)
    recordings: RecordingsConfig = field(default_factory=RecordingsConfig)
    hooks: HooksConfig = field(default_factory=HooksConfig)
    log: LogConfig = field(default_factory=LogConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)


def tables() -> Mapping[str, type]:
    """Table name to its dataclass, in the order of the file; [[wake_word]] among them."""
    named: dict[str, Any] = {entry.name: entry.default_factory for entry in fields(Config)}
    return {name: WakeWordConfig if table is MISSING else table for name, table in named.items()}


def settings(table: type) -> Mapping[str, Field[Any]]:
    """Setting name to its field, for one of the tables."""
    return {entry.name: entry for entry in fields(table)}
