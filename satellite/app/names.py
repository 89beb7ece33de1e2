"""Do the names in the configuration exist? Form was checked where it was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from satellite import models
from satellite.app import cues
from satellite.app.build import MICRO_SUFFIX, advice, is_own, model_name
from satellite.config import Config, ProcessingConfig, WakeWordConfig
from satellite.core.errors import ModelError
from satellite.core.places import expanded
from satellite.detect import microwakeword
from satellite.dsp import canceller, webrtc

WAKE_WORDS = (models.WAKE_WORD, models.MICRO_WAKE_WORD)


def check_names(config: Config, origins: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """A line for each name that leads nowhere. Devices are not looked for: they may be plugged in later.

    Args:
        origins: key ("wake_word.0.model") to where its value comes from, for the lines.
    """
    aec = config.microphone.aec
    missing = (*aec_mistakes(aec, canceller.missing(aec)), *processing_mistakes(config.processing, webrtc.missing()))
    found = (*_model_mistakes(config), *_twice(config), *missing, *cues.mistakes(config.sounds))
    return [f"{place}: {text}" if (place := _place(key, origins)) else text for key, text in found]


def _place(key: str, origins: Mapping[str, str]) -> str:
    """Where the key's value comes from, or the table that it stands in."""
    while key and key not in origins:
        key = key.rpartition(".")[0]
    return origins.get(key, "")


def aec_mistakes(aec: str, why: str) -> Iterator[tuple[str, str]]:
    """Key and line for an echo canceller that was asked for by name; `why` it cannot be had, or nothing."""
    if why:
        yield "microphone.aec", f'microphone.aec = "{aec}": {why}'


def processing_mistakes(processing: ProcessingConfig, why: str) -> Iterator[tuple[str, str]]:
    """Keys and lines for what WebRTC is wanted for; `why` it cannot be had, or nothing."""
    wanted = {"noise_suppression": processing.noise_suppression != "off", "agc": processing.agc == "webrtc"}
    for name, needed in wanted.items():
        if needed and why:
            yield f"processing.{name}", f'processing.{name} = "{getattr(processing, name)}": {why}'


def _model_mistakes(config: Config) -> Iterator[tuple[str, str]]:
    for row, word in enumerate(config.wake_word):
        if text := _model_mistake(word):
            yield f"wake_word.{row}.model", f"wake_word.model: {text}"


def _twice(config: Config) -> Iterator[tuple[str, str]]:
    """Home Assistant and --set know a wake word by its name alone."""
    names = [model_name(word) for word in config.wake_word]
    for name, count in Counter(names).items():
        if count > 1:
            last = len(names) - 1 - names[::-1].index(name)
            text = f"wake_word.model: {count} wake words are called {name}; keep one, or rename the file"
            yield f"wake_word.{last}.model", text


def _model_mistake(word: WakeWordConfig) -> str:
    try:
        if is_own(word.model):
            return _own_mistake(word)
        kind = models.named(word.model).kind
    except ModelError as error:
        return str(error)
    if kind not in WAKE_WORDS:
        words = (name for name, info in models.manifest().items() if info.kind in WAKE_WORDS)
        return f"{word.model} is not a wake word; there are {', '.join(words)}"
    return _engine_mistake(word.model) if kind == models.MICRO_WAKE_WORD else ""


def _own_mistake(word: WakeWordConfig) -> str:
    models.beginning(expanded(word.model))
    advice(word)  # a .tflite needs its .json
    return _engine_mistake(word.model) if word.model.endswith(MICRO_SUFFIX) else ""


def _engine_mistake(model: str) -> str:
    why = microwakeword.missing()
    return f"{model}: {why}" if why else ""
