"""Why a sound card did not open, said to a person: from ALSA's text to one of our errors with advice."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from satellite.core.errors import DeviceBusy, DeviceDenied, DeviceError, DeviceLost, DeviceNotFound, DeviceUnsupported
from satellite.device import kernel
from satellite.device.kernel import Direction

WORDS: Mapping[Direction, str] = {"capture": "microphone", "playback": "speaker"}


def reason(text: str) -> str:
    """The strerror part of alsaaudio's text."""
    return text.partition(" [")[0]


def refusal(text: str, pcm: str, direction: Direction) -> DeviceError:
    """Why a PCM did not open, and what to do about it.

    Args:
        text: of alsaaudio's exception: "strerror [pcm name]".
    """
    device = f"{WORDS[direction]} {pcm}"
    match reason(text):
        case "Device or resource busy":
            return DeviceBusy(
                f"{device} is in use by {_holders(pcm, direction)}: stop it, or share the card (dsnoop, dmix)"
            )
        case "Permission denied" | "Operation not permitted":
            return _denied(device)
        case "No such device or address":
            return DeviceNotFound(
                f"{device} needs an ALSA plugin that is not installed (try: apt install libasound2-plugins)"
            )
        case "No such file or directory" | "No such device" if _is_locked():
            return _denied(device)
        case "No such file or directory" | "No such device":
            return DeviceNotFound(f"{device} does not exist or is unplugged: see satellite --list-devices")
        case "Invalid argument":
            return DeviceUnsupported(
                f"{device} takes no 16-bit sound, or ALSA's configuration (.asoundrc) has a mistake"
            )
        case "Connection refused" | "Host is down":
            return DeviceLost(f"{device} belongs to a sound server that is not running")
        case other:
            return DeviceLost(f"{device} cannot be opened: {other}")


def _denied(device: str) -> DeviceDenied:
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"user {os.getuid()}"
    return DeviceDenied(f"{device} may not be opened by {user}: sudo usermod -aG audio {user}, then log in again")


def _is_locked() -> bool:
    # Without the right to open the control devices, ALSA sees no cards and says that there are none.
    return any(not os.access(path, os.R_OK | os.W_OK) for path in Path("/dev/snd").glob("control*"))


def _holders(pcm: str, direction: Direction) -> str:
    held = [device for device in kernel.devices() if device.direction == direction and device.holder]
    named = [device for device in held if f"CARD={device.id}" in pcm or f":{device.card}" in pcm]
    return ", ".join(device.holder for device in named or held) or "another program"
