"""Which microphones and speakers there are, and which one a name means."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from satellite.core.errors import DeviceAmbiguous, DeviceBusy, DeviceError, DeviceListingFailed, DeviceNotFound
from satellite.device import kernel
from satellite.device.alsa import Abilities, check, pcm_names, probe
from satellite.device.kernel import Direction, KernelDevice
from satellite.device.refusal import WORDS

DEFAULT = "default"
DIRECTIONS: tuple[Direction, Direction] = ("capture", "playback")
NO_HARDWARE = "No sound hardware found: plug in a microphone or a speaker, or try: satellite --demo"
# Shown by ALSA on every system, and no devices: converters that want another device's name, and doors to sound servers.
_NOT_DEVICES = {
    "null",
    "default",
    "samplerate",
    "lavrate",
    "speexrate",
    "speexrate_medium",
    "speexrate_best",
    "speex",
    "jack",
    "oss",
    "upmix",
    "vdownmix",
    "pulse",
    "pipewire",
}

Prober = Callable[[str, Direction], Abilities]


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A microphone or a speaker.

    Attributes:
        name: what to write into the configuration.
        card, index: the card's id and number; "" and None for what is no kernel card.
        direction: "capture" (microphone) or "playback" (speaker).
        formats, rates_hz, channels: what it can do without conversion; empty where unknown.
        is_default: ALSA's default leads here.
        trouble: why it cannot be used now, or "".
    """

    name: str
    card: str
    index: int | None
    description: str
    direction: Direction
    formats: tuple[str, ...] = ()
    rates_hz: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    is_default: bool = False
    trouble: str = ""


def list_devices(
    proc: Path = kernel.PROC, ask: Prober = probe, directions: Sequence[Direction] = DIRECTIONS
) -> list[DeviceInfo]:
    """All microphones, then all speakers. Each that is free is opened for a moment, to learn what it can do.

    Args:
        proc: the kernel's account of its cards.
        ask: finds out what a PCM can do.
        directions: only these.
    """
    return [device for direction in directions for device in _one_direction(direction, proc, ask)]


def resolve(name: str, direction: Direction, proc: Path = kernel.PROC) -> str:
    """The PCM that a configured name means: a PCM, a card's id or number, or a part of a name or description.

    Raises:
        DeviceNotFound: nothing is called so; the text names what is near.
        DeviceAmbiguous: several are; the text lists them.
    """
    if name == DEFAULT or ":" in name or name in pcm_names(direction):
        return name
    devices = [_info(device) for device in kernel.devices(proc) if device.direction == direction]
    for device in devices:
        if name in (device.card, str(device.index)):
            return device.name
    devices += _others(direction)
    if not name.isdigit():
        if _is_known(name, direction):
            return name
        matches = [device for device in devices if _matches(name, device)]
        if len(matches) > 1:
            raise _ambiguous(name, direction, matches)
        if matches:
            return matches[0].name
    raise DeviceNotFound(f"there is no {WORDS[direction]} {name!r}: {_nearest(name, devices)}")


def render(devices: Sequence[DeviceInfo]) -> str:
    """The table for a person; * marks the default."""
    if not devices:
        return NO_HARDWARE
    parts = []
    for direction, title in zip(DIRECTIONS, ("Microphones", "Speakers"), strict=True):
        lines = [_line(device) for device in devices if device.direction == direction]
        parts.append("\n".join([title, *(lines or ["  none"])]))
    return "\n\n".join([*parts, "* default. Any name, card id, number or part of a description can be configured."])


def main(as_json: bool) -> int:
    """Print the devices; the exit code.

    Raises:
        DeviceListingFailed: ALSA's configuration cannot be read.
    """
    expect_readable()
    devices = list_devices()
    text = json.dumps([asdict(device) for device in devices], indent=2) if as_json else render(devices)
    sys.stdout.write(text + "\n")
    return 0


def expect_readable() -> None:
    """See that ALSA has a configuration.

    Raises:
        DeviceListingFailed: it cannot be read.
    """
    # ALSA's own configuration always shows some; one with a mistake shows none, and says so on standard error only.
    if not any(map(pcm_names, DIRECTIONS)):
        raise DeviceListingFailed(
            "ALSA shows no devices at all: its configuration is missing or has a mistake"
            " (/etc/asound.conf, ~/.asoundrc, /etc/alsa/conf.d); arecord -L says in which line"
        )


def _one_direction(direction: Direction, proc: Path, ask: Prober) -> list[DeviceInfo]:
    cards = [device for device in kernel.devices(proc) if device.direction == direction]
    found = [_asked(_info(device), f"hw:CARD={device.id},DEV={device.device}", ask) for device in cards]
    found += [device for device in (_asked(d, d.name, ask) for d in _others(direction)) if not _is_missing(device)]
    return _with_default(found, direction, ask)


def _with_default(found: list[DeviceInfo], direction: Direction, ask: Prober) -> list[DeviceInfo]:
    """Mark the card that ALSA's default leads to; a default that leads to no card is a device of its own."""
    try:
        can = ask(DEFAULT, direction)
    except DeviceError:
        return found
    if can.card is not None and can.card in (device.index for device in found):
        return [replace(device, is_default=device.index == can.card) for device in found]
    own = DeviceInfo(DEFAULT, "", None, "ALSA's default", direction, can.formats, can.rates_hz, can.channels, True)
    return [own, *found]


def _info(device: KernelDevice) -> DeviceInfo:
    suffix = f",DEV={device.device}" if device.device else ""
    return DeviceInfo(
        f"plughw:CARD={device.id}{suffix}",
        device.id,
        device.card,
        device.description,
        device.direction,
        device.formats,
        device.rates_hz,
        device.channels,
        trouble=f"in use by {device.holder}" if device.holder else "",
    )


def _others(direction: Direction) -> list[DeviceInfo]:
    """What somebody has named in ALSA's configuration."""
    names = (name for name in pcm_names(direction) if name not in _NOT_DEVICES and ":" not in name)
    return [DeviceInfo(name, "", None, "from ALSA's configuration", direction) for name in names]


_MISSING = "missing"


def _asked(device: DeviceInfo, pcm: str, ask: Prober) -> DeviceInfo:
    if device.trouble or device.formats:
        return device
    try:
        can = ask(pcm, device.direction)
    except DeviceNotFound:
        return replace(device, trouble=_MISSING)
    except DeviceBusy:
        return replace(device, trouble="in use")
    except DeviceError as error:
        return replace(device, trouble=str(error))
    return replace(device, formats=can.formats, rates_hz=can.rates_hz, channels=can.channels)


def _is_missing(device: DeviceInfo) -> bool:
    # Names in the configuration have no direction: a speaker's name does not open as a microphone.
    return device.trouble == _MISSING


def _is_known(name: str, direction: Direction) -> bool:
    """ALSA's configuration may know names that it does not show; only opening tells."""
    try:
        check(name, direction)
    except DeviceNotFound:
        return False
    except DeviceError:
        return True
    return True


def _matches(name: str, device: DeviceInfo) -> bool:
    return name.casefold() in f"{device.name}\n{device.description}".casefold()


def _ambiguous(name: str, direction: Direction, matches: Sequence[DeviceInfo]) -> DeviceAmbiguous:
    names = ", ".join(f"{device.name} ({device.description})" for device in matches)
    return DeviceAmbiguous(f"several {WORDS[direction]}s match {name!r}: {names}; use one of these names")


def _nearest(name: str, devices: Iterable[DeviceInfo]) -> str:
    words = {word: device.name for device in devices for word in (device.name, device.card, device.description)}
    near = difflib.get_close_matches(name, words, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(dict.fromkeys(words[word] for word in near))}?"
    names = list(dict.fromkeys(words.values()))
    return f"there is {', '.join(names)}" if names else "there is none at all"


def _line(device: DeviceInfo) -> str:
    mark = "*" if device.is_default else " "
    abilities = device.trouble or _abilities(device)
    card = f"card {device.index}: " if device.index is not None else ""
    return f"{mark} {device.name:<28}  {card}{device.description}" + (f"  [{abilities}]" if abilities else "")


def _abilities(device: DeviceInfo) -> str:
    if not device.formats:
        return ""
    if len(device.formats) > 8:
        return "converts to any rate, channels and format"
    rates = "/".join(f"{rate / 1000:g}" for rate in device.rates_hz)
    channels = f"{device.channels[0]}" if len(device.channels) == 1 else f"{device.channels[0]}-{device.channels[-1]}"
    return f"{rates} kHz, {channels} channel(s), {', '.join(device.formats)}"
