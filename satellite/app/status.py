"""What `--status` shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from satellite import __version__
from satellite.app import build, health
from satellite.app.timers import shown

if TYPE_CHECKING:
    from satellite.app.satellite import Satellite


def settings(satellite: Satellite) -> Mapping[str, Any]:
    """What can be set at run time, as it is in force."""
    memory, config = satellite.memory, satellite.config
    return {
        "volume": config.speaker.volume if memory.volume is None else memory.volume,
        "mute": memory.muted,
        "sensitivity": memory.sensitivity or config.listening.sensitivity,
        "threshold": {
            name: memory.thresholds.get(name, build.threshold(word))
            for word in config.wake_word
            for name in (build.model_name(word),)
        },
    }


def report(satellite: Satellite) -> Mapping[str, Any]:
    """State, server, devices, counters and queues, as plain JSON values."""
    conversation = satellite.dialogue.state
    return {
        "summary": health.summary(satellite),
        "version": __version__,
        "uptime_s": round(time.monotonic() - satellite.started_at_s, 1),
        "state": conversation.phase.name.lower(),
        "turns": conversation.turn,
        "connected": conversation.connection is not None,
        "paused": conversation.paused,
        "settings": settings(satellite),
        "server": asdict(satellite.server.statistics()),
        "microphone": {
            "device": satellite.config.microphone.device,
            "silent": health.silent(satellite),
            **(asdict(satellite.capture.statistics()) if satellite.capture else {"state": "loading models"}),
        },
        "listening_in": asdict(satellite.tap.statistics()),
        "echo": asdict(satellite.echo.statistics()) if satellite.echo else "not cancelled",
        "cue_echo": asdict(satellite.cue_echo.statistics()) if satellite.cue_echo else "not taken out",
        "wake_service": asdict(satellite.wake_service.statistics()) if satellite.wake_service else "none",
        "listener": asdict(satellite.listener.statistics()) if satellite.listener else "loading models",
        "speaker": {"device": satellite.config.speaker.device, **asdict(satellite.playback.statistics())},
        "recordings": satellite.recordings.status(),
        "hooks": asdict(satellite.hooks.statistics()),
        "discovery": asdict(satellite.discovery.statistics()) if satellite.discovery else "off",
        "inbox": {
            **asdict(satellite.dialogue.inbox.statistics()),
            "illegal_events": satellite.dialogue.illegal_events,
            "bugs": satellite.dialogue.bugs,
        },
        "timers": shown(satellite.dialogue.timers, asyncio.get_running_loop().time()),
        "kept_command": asdict(satellite.utterance.statistics()),
        "last_turns": satellite.turns.last(),
    }
