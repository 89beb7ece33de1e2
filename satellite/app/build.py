"""From the configuration to the objects that only it can describe."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from satellite import __version__, models
from satellite.config import Config, WakeWordConfig
from satellite.config.agreement import service_address
from satellite.core.audio import AudioFormat
from satellite.core.errors import EngineMissing
from satellite.core.events import Event, RoomAudio
from satellite.core.places import expanded
from satellite.detect import derived
from satellite.detect.engines import NoWords, WakeEngine, open_engine
from satellite.detect.microwakeword import MicroModel, Recipe, read_recipe
from satellite.detect.vad import Silero
from satellite.detect.wakeword import Confirmation, WakeModel, WakeWords
from satellite.dsp.canceller import open_canceller
from satellite.dsp.cue_echo import CueCanceller
from satellite.dsp.echo import EchoCanceller
from satellite.dsp.peak import WARNING
from satellite.dsp.reference import Reference
from satellite.listen.listener import Listener
from satellite.listen.own_voice import OwnVoice
from satellite.network.discovery import Service
from satellite.network.protocol import SatelliteInfo, WakeWord
from satellite.network.wake_service import WakeService

log = logging.getLogger(__name__)

ONNX_SUFFIX = ".onnx"  # openWakeWord's models
MICRO_SUFFIX = ".tflite"  # microWakeWord's
HEARD_BY = {"service": "a service", "stream": "Home Assistant", "stream-voice": "Home Assistant"}


def name(config: Config) -> str:
    """What Home Assistant calls this device."""
    return config.satellite.name or socket.gethostname()


def phrase(word: WakeWordConfig) -> str:
    """What a person says; Home Assistant compares it with that of other satellites."""
    return word.phrase or advice(word).phrase


def threshold(word: WakeWordConfig) -> float:
    """The score at which the word counts as heard: the owner's, else the manifest's or its makers'."""
    return word.threshold or advice(word).threshold


def advice(word: WakeWordConfig) -> Recipe:
    """What the makers of the model say of it.

    Raises:
        ModelError: the .json beside an own .tflite is missing, or not what it should be.
    """
    if known := models.manifest().get(word.model):
        return Recipe(known.phrase, known.threshold, known.window)
    path = Path(word.model)
    if path.suffix == MICRO_SUFFIX:
        return read_recipe(expanded(word.model))
    return Recipe(path.stem.replace("_", " ").title(), models.OPEN_WAKE_WORD_THRESHOLD, 0)


def engine(word: WakeWordConfig) -> str:
    """What its model was made for."""
    known = models.manifest().get(word.model)
    micro = known.kind == models.MICRO_WAKE_WORD if known else word.model.endswith(MICRO_SUFFIX)
    return "microWakeWord" if micro else "openWakeWord"


def is_own(model: str) -> bool:
    """Whether a wake word is named by its file."""
    return model.endswith((ONNX_SUFFIX, MICRO_SUFFIX))


def model_name(word: WakeWordConfig) -> str:
    """The wake word's name on the wire and in the settings: the manifest's, or the file's."""
    return Path(word.model).stem if is_own(word.model) else word.model


def info(config: Config) -> SatelliteInfo:
    """What peers are told about us."""
    speaker, words = config.speaker, config.wake_word if config.listening.mode == "local" else ()
    return SatelliteInfo(
        name=name(config),
        version=__version__,
        area=config.satellite.area,
        wake_words=tuple(
            WakeWord(model_name(word), phrase(word), engine=engine(word)) for word in words if not word.stop
        ),
        speaker=None if speaker.device == "none" else AudioFormat(speaker.rate_hz, speaker.channels, 2),
        remote_trigger=config.server.remote_trigger,
    )


def service(config: Config, identity: str, port: int) -> Service:
    """What is announced on the network."""
    return Service(identity, name(config), __version__, port, config.server.host)


def echoes(config: Config) -> bool:
    """Whether what is played is kept for the microphone's sake."""
    return config.microphone.aec != "off" and config.speaker.device != "none"


def reference(config: Config) -> Reference | None:
    """What keeps the sound that is played; None when nobody wants to know it."""
    return Reference() if echoes(config) else None


def echo(config: Config, played: Reference | None) -> EchoCanceller | None:
    """What takes the played sound out of the microphone's; None: nothing does.

    Raises:
        EngineMissing: the library that was asked for by name is not installed.
    """
    if played is None:
        return None
    aec = config.microphone.aec
    try:
        canceller = open_canceller(aec)
    except EngineMissing as error:
        if aec != "auto":
            raise
        log.info("no echo canceller: %s; wake words that the satellite says itself are told apart all the same", error)
        return None
    log.info("the echo of the speaker is cancelled by %s", "WebRTC" if aec == "webrtc" else "SpeexDSP")
    return EchoCanceller(played, canceller)


def cue_echo(played: Reference | None) -> CueCanceller | None:
    """What takes the cues out of the commands that are spoken over them."""
    return CueCanceller(played) if played else None


async def wake_service(config: Config, post: Callable[[Event], None], old: WakeService | None) -> WakeService | None:
    """What hears the wake words instead of us, if the configuration names it; `old` is left."""
    if old:
        await old.close()
    address = service_address(config.listening.wake_uri) if config.listening.mode == "service" else None
    if address is None:
        return None
    service = WakeService(*address, config.listening.wake_names, post)
    service.start()
    return service


def routed(service: WakeService | None, post: Callable[[Event], None]) -> Callable[[Event], None]:
    """Takes the listener's events to `post`, and the sound of the room past it to the service; in any thread."""

    def route(event: Event) -> None:
        if service and isinstance(event, RoomAudio):
            service.feed(event)
        else:
            post(event)

    return route


def listener(config: Config, played: Reference | None = None) -> Listener:
    """What hears. Loads the models: a third of a second on a PC, seconds on a small board.

    Args:
        played: keeps the sound that is played, in which wake words are looked for before they are obeyed.

    Raises:
        ModelError: a model is missing or damaged.
    """
    words = wake_words(config) if config.listening.mode == "local" else NoWords()
    vad = speech_detector(config) if config.listening.vad == "silero" else None
    if config.processing.peak_normalise:
        log.warning("processing.peak_normalise: %s", WARNING)
    heard_by = HEARD_BY.get(config.listening.mode) or words.statistics().engine
    log.info("wake words are heard by %s; speech by %s", heard_by, "Silero" if vad else "its level")
    if config.listening.mode != "local":
        log.warning("listening.mode = %r: sound leaves this device before the wake word", config.listening.mode)
    return Listener(
        config.command,
        words,
        vad,
        listening=config.listening,
        gain_db=config.microphone.gain_db,
        processing=config.processing,
        own_voice=OwnVoice(words.fresh, lambda count: played.before(time.monotonic(), count))
        if played and words.models
        else None,
    )


def wake_words(config: Config) -> WakeEngine:
    """What hears the wake words.

    Raises:
        ModelError: a model, or the engine it needs, is missing or damaged.
    """
    folder = models.models_directory(config.paths.models)

    def open_wake_word(words: Sequence[WakeModel]) -> WakeEngine:
        return WakeWords(words, models.find("melspectrogram", folder), derived.embedding(folder))

    return open_engine([_wake_model(word, folder) for word in config.wake_word], open_wake_word)


def speech_detector(config: Config, opened: Callable[[Path], Silero] = Silero) -> Silero:
    """What tells speech from other sound, checked with speech.

    Raises:
        ModelError: the model is missing or damaged, or does not hear here.
    """
    vad = opened(models.find("silero_vad", models.models_directory(config.paths.models)))
    vad.self_check()
    return vad


def _wake_model(word: WakeWordConfig, folder: Path) -> WakeModel:
    path = expanded(word.model) if is_own(word.model) else models.find(word.model, folder)
    confirmation = Confirmation(
        word.agreeing_hops, max(word.agreeing_hops, word.of_hops), word.second_look, word.syllables
    )
    name, said, at = model_name(word), phrase(word), threshold(word)
    if path.suffix != MICRO_SUFFIX:
        return WakeModel(name, path, said, at, word.refractory_s, confirmation=confirmation)
    return MicroModel(name, path, said, at, word.refractory_s, advice(word).window, confirmation=confirmation)
