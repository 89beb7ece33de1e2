"""Which part of the satellite a configuration decides: what changes for none of its parts is left alone."""

from __future__ import annotations

from typing import Any

from satellite.app import build
from satellite.config import Config


def manners(config: Config) -> dict[str, Any]:
    """What the conversation goes by."""
    command = config.command
    return {
        "server_ends": command.end_of_speech == "server",
        "max_s": command.max_s,
        "keep_s": command.keep_s,
        "sends_room": {"stream": "always", "stream-voice": "voice"}.get(config.listening.mode, "never"),
        "follow_up": command.follow_up,
        "stop_words": frozenset(build.model_name(word) for word in config.wake_word if word.stop),
    }


def hearing(config: Config) -> tuple[object, ...]:
    """What the listener and its microphone are made from."""
    return (
        config.microphone,
        config.wake_word,
        config.listening,
        config.command,
        config.paths.models,
        build.echoes(config),
    )


def found_by(config: Config) -> tuple[object, ...]:
    """What the announcement is made from."""
    return config.server, config.satellite, config.discovery
