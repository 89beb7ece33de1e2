"""Which microphones and speakers there are, for a program, and what its `device=` means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from satellite.core.errors import (
    DeviceAmbiguous,
    DeviceError,
    DeviceIndexUnknown,
    DeviceListingFailed,
    DeviceNotFound,
    NoDevices,
    WrongDirection,
)

if TYPE_CHECKING:
    from satellite.device import listing
    from satellite.device.kernel import Direction

Port = TypeVar("Port")

DEFAULT = "default"
# The last list of each direction that was given out: a number means a place in it, whatever was plugged in since.
_numbered: dict[Direction, list[str]] = {}
_PREFERRED_HZ = (48_000, 44_100, 16_000)


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A microphone.

    Attributes:
        index: its number in this list; may be given as `device=`.
        name: for people.
        id: of ALSA, the same after re-plugging; may be given as `device=`.
        max_input_channels: 0 while it is in use and does not tell.
        default_sample_rate: in Hz; 0 while it is in use and does not tell.
        is_default: the system's default leads here.
    """

    index: int
    name: str
    id: str
    max_input_channels: int
    default_sample_rate: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class OutputDeviceInfo:
    """A speaker. As DeviceInfo, but for `max_output_channels`."""

    index: int
    name: str
    id: str
    max_output_channels: int
    default_sample_rate: int
    is_default: bool


def input_devices() -> list[DeviceInfo]:
    """All microphones. Each that is free is opened for a moment, which takes about 0.1 s.

    Raises:
        DeviceListingFailed: ALSA's configuration cannot be read.
    """
    return [
        DeviceInfo(index, found.description, found.name, _most(found), _rate(found), found.is_default)
        for index, found in enumerate(_listed("capture"))
    ]


def output_devices() -> list[OutputDeviceInfo]:
    """All speakers, as input_devices().

    Raises:
        DeviceListingFailed: ALSA's configuration cannot be read.
    """
    return [
        OutputDeviceInfo(index, found.description, found.name, _most(found), _rate(found), found.is_default)
        for index, found in enumerate(_listed("playback"))
    ]


def opened(device: int | str | None, direction: Direction, open_by_name: Callable[[str], Port]) -> Port:
    """What `open_by_name` makes of a `device=`.

    Raises:
        DeviceError: there is no such device, or it does not open.
    """
    name = _name(device, direction)
    try:
        return open_by_name(name)
    except DeviceNotFound as error:
        better = _better(error, name, direction)
        raise better from None


def _name(device: int | str | None, direction: Direction) -> str:
    if device is None or isinstance(device, str):
        return device or DEFAULT
    names = _numbered[direction] if direction in _numbered else [found.name for found in _listed(direction)]
    if not 0 <= device < len(names):
        raise DeviceIndexUnknown(f"there is no {_word(direction)} {device}: there are {len(names)}, counted from 0")
    return names[device]


def _better(error: DeviceNotFound, name: str, direction: Direction) -> DeviceError:
    """The same failure with its cause, where that can be told."""
    from satellite.device.listing import resolve

    other: Direction = "playback" if direction == "capture" else "capture"
    if name == DEFAULT and not _listed(direction):
        return NoDevices(f"there is no {_word(direction)}: plug one in, or name one (wav:FILE and command:PROGRAM do)")
    if name == DEFAULT or ":" in name:
        return error
    try:
        resolve(name, other)
    except DeviceAmbiguous:
        pass
    except DeviceError:
        return error
    return WrongDirection(f"{name!r} is a {_word(other)}, and no {_word(direction)}")


def _listed(direction: Direction) -> list[listing.DeviceInfo]:
    from satellite.device import listing
    from satellite.device.alsa import pcm_names

    if not pcm_names(direction):
        # ALSA's own configuration always shows some.
        raise DeviceListingFailed("ALSA shows no devices at all: its configuration (.asoundrc) has a mistake")
    found = listing.list_devices(directions=(direction,))
    _numbered[direction] = [device.name for device in found]
    return found


def _most(found: listing.DeviceInfo) -> int:
    return max(found.channels, default=0)


def _rate(found: listing.DeviceInfo) -> int:
    preferred = [rate for rate in _PREFERRED_HZ if rate in found.rates_hz]
    return preferred[0] if preferred else max(found.rates_hz, default=0)


def _word(direction: Direction) -> str:
    return "microphone" if direction == "capture" else "speaker"
