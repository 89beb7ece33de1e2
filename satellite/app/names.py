"""Do the names in the configuration exist? Form was checked where it was read."""

from __future__ import annotations

from collections import Counter

from satellite import models
from satellite.app import cues
from satellite.app.build import model_name
from satellite.config import Config
from satellite.core.errors import ModelNotFound
from satellite.core.places import expanded

WAKE_WORD = "wake_word"


def check_names(config: Config) -> list[str]:
    """A line for each name that leads nowhere. Devices are not looked for: they may be plugged in later."""
    return [*_model_mistakes(config), *_twice(config), *cues.mistakes(config.sounds)]


def _model_mistakes(config: Config) -> list[str]:
    return [f"wake_word.model: {text}" for word in config.wake_word if (text := _model_mistake(word.model))]


def _twice(config: Config) -> list[str]:
    """Home Assistant and --set know a wake word by its name alone."""
    counts = Counter(model_name(word) for word in config.wake_word)
    return [
        f"wake_word.model: {count} wake words are called {name}; keep one, or rename the file"
        for name, count in counts.items()
        if count > 1
    ]


def _model_mistake(model: str) -> str:
    if model.endswith(".onnx"):
        return "" if expanded(model).is_file() else f"{model}: no such file"
    try:
        kind = models.named(model).kind
    except ModelNotFound as error:
        return str(error)
    words = (name for name, info in models.manifest().items() if info.kind == WAKE_WORD)
    return "" if kind == WAKE_WORD else f"{model} is not a wake word; there are {', '.join(words)}"
