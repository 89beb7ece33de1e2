"""The configuration: what can be set (schema), how it is read (loading) and how it is written (writing).

Importing this package costs little: the loader and the writer are imported by those who need them.
"""

from __future__ import annotations

from satellite.config.schema import (
    DEFAULT_PORT,
    CommandConfig,
    Config,
    DiscoveryConfig,
    HooksConfig,
    Identity,
    ListeningConfig,
    LogConfig,
    MicrophoneConfig,
    PathsConfig,
    ProcessingConfig,
    RecordingsConfig,
    ServerConfig,
    SoundsConfig,
    SpeakerConfig,
    WakeWordConfig,
)

__all__ = [
    "DEFAULT_PORT",
    "CommandConfig",
    "Config",
    "DiscoveryConfig",
    "HooksConfig",
    "Identity",
    "ListeningConfig",
    "LogConfig",
    "MicrophoneConfig",
    "PathsConfig",
    "ProcessingConfig",
    "RecordingsConfig",
    "ServerConfig",
    "SoundsConfig",
    "SpeakerConfig",
    "WakeWordConfig",
]
