"""What the server is told. Frozen values; nothing in here does anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Detection:
    """The wake word `name` (the model's name in our info) was heard. Sent before RunPipeline."""

    name: str


@dataclass(frozen=True, slots=True)
class RunPipeline:
    """Please transcribe what follows and answer with speech; `from_wake`: once you hear a wake word in it."""

    from_wake: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MicAudio:
    """Sound of the command, WIRE_FORMAT."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class MicStop:
    """The command is complete."""


@dataclass(frozen=True, slots=True)
class Played:
    """The last sample of what you sent has left the speaker."""


Message: TypeAlias = Detection | RunPipeline | MicAudio | MicStop | Played
