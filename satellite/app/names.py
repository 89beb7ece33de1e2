"""Do the names in the configuration exist? Form was checked where it was read."""

from __future__ import annotations

from collections import Counter

from satellite import models
from satellite.app import cues
from satellite.app.build import MICRO_SUFFIX, advice, is_own, model_name
from satellite.config import Config, WakeWordConfig
from satellite.core.errors import ModelError
from satellite.core.places import expanded
from satellite.detect import microwakeword

WAKE_WORDS = (models.WAKE_WORD, models.MICRO_WAKE_WORD)


def check_names(config: Config) -> list[str]:
    """A line for each name that leads nowhere. Devices are not looked for: they may be plugged in later."""
    return [*_model_mistakes(config), *_twice(config), *cues.mistakes(config.sounds)]


def _model_mistakes(config: Config) -> list[str]:
    return [f"wake_word.model: {text}" for word in config.wake_word if (text := _model_mistake(word))]


def _twice(config: Config) -> list[str]:
    """Home Assistant and --set know a wake word by its name alone."""
    counts = Counter(model_name(word) for word in config.wake_word)
    return [
        f"wake_word.model: {count} wake words are called {name}; keep one, or rename the file"
        for name, count in counts.items()
        if count > 1
    ]


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
    if not expanded(word.model).is_file():
        return f"{word.model}: no such file"
    advice(word)  # a .tflite needs its .json
    return _engine_mistake(word.model) if word.model.endswith(MICRO_SUFFIX) else ""


def _engine_mistake(model: str) -> str:
    why = microwakeword.missing()
    return f"{model}: {why}" if why else ""
