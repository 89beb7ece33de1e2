"""From the configuration to the objects that only it can describe."""

from __future__ import annotations

import socket
from pathlib import Path

from satellite import __version__, models
from satellite.config import Config, WakeWordConfig
from satellite.core.audio import AudioFormat
from satellite.core.places import expanded
from satellite.detect.vad import Silero
from satellite.detect.wakeword import WakeModel, WakeWords
from satellite.listen.listener import Listener
from satellite.network.discovery import Service
from satellite.network.protocol import SatelliteInfo, WakeWord


def name(config: Config) -> str:
    """What Home Assistant calls this device."""
    return config.satellite.name or socket.gethostname()


def phrase(word: WakeWordConfig) -> str:
    """What a person says; Home Assistant compares it with that of other satellites."""
    known = models.manifest().get(word.model)
    return word.phrase or (known.phrase if known else Path(word.model).stem.replace("_", " ").title())


def model_name(word: WakeWordConfig) -> str:
    """The wake word's name on the wire and in the settings: the manifest's, or the file's."""
    return Path(word.model).stem if word.model.endswith(".onnx") else word.model


def info(config: Config) -> SatelliteInfo:
    """What peers are told about us."""
    speaker = config.speaker
    return SatelliteInfo(
        name=name(config),
        version=__version__,
        area=config.satellite.area,
        wake_words=tuple(WakeWord(model_name(word), phrase(word)) for word in config.wake_word),
        speaker=None if speaker.device == "none" else AudioFormat(speaker.rate_hz, speaker.channels, 2),
    )


def service(config: Config, identity: str, port: int) -> Service:
    """What is announced on the network."""
    return Service(identity, name(config), __version__, port, config.server.host)


def listener(config: Config) -> Listener:
    """What hears. Loads the models: a third of a second on a PC, seconds on a small board.

    Raises:
        ModelError: a model is missing or damaged.
    """
    folder = models.models_directory(config.paths.models)
    words = WakeWords(
        [_wake_model(word, folder) for word in config.wake_word],
        models.find("melspectrogram", folder),
        models.find("embedding", folder),
    )
    vad = Silero(models.find("silero_vad", folder))
    vad.self_check()
    return Listener(config.command, words, vad, gain_db=config.microphone.gain_db)


def _wake_model(word: WakeWordConfig, folder: Path) -> WakeModel:
    own = word.model.endswith(".onnx")
    path = expanded(word.model) if own else models.find(word.model, folder)
    return WakeModel(model_name(word), path, phrase(word), word.threshold, word.refractory_s)
