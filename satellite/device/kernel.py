"""What the kernel says about its sound cards, without opening one: /proc/asound."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

Direction = Literal["capture", "playback"]
PROC = Path("/proc/asound")

_CARD = re.compile(r"^\s*(\d+) \[(\S+)\s*\]: .*? - (.+)$", re.MULTILINE)
_PCM = re.compile(r"^(\d+)-(\d+): [^:]* : ([^:]*) :")
_OWNER = re.compile(r"^owner_pid\s*: (\d+)", re.MULTILINE)
STANDARD_RATES_HZ = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)


@dataclass(frozen=True, slots=True)
class KernelDevice:
    """One direction of one device of a card.

    Attributes:
        card, device: numbers; `id` is the card's short name, which survives re-plugging.
        description: the card's and the device's long names.
        formats, rates_hz, channels: what a USB card says it can do; empty where the kernel does not tell.
        holder: program that has it open, or "".
    """

    card: int
    device: int
    id: str
    description: str
    direction: Direction
    formats: tuple[str, ...] = ()
    rates_hz: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    holder: str = ""


def devices(proc: Path = PROC) -> list[KernelDevice]:
    """All devices of all cards, in the kernel's order; none where the kernel has no sound."""
    cards = {int(index): (name, text) for index, name, text in _CARD.findall(_text(proc / "cards"))}
    found = []
    for line in _text(proc / "pcm").splitlines():
        match = _PCM.match(line)
        if match and int(match[1]) in cards:
            index, device = int(match[1]), int(match[2])
            identity, long_name = cards[index]
            name = long_name if match[3].strip() in long_name else f"{long_name}, {match[3].strip()}"
            found += [_device(proc, KernelDevice(index, device, identity, name, d)) for d in _directions(line)]
    return found


def _directions(line: str) -> Iterator[Direction]:
    if " : capture" in line:
        yield "capture"
    if " : playback" in line:
        yield "playback"


def _device(proc: Path, known: KernelDevice) -> KernelDevice:
    folder = proc / f"card{known.card}"
    formats, rates_hz, channels = _usb_abilities(_text(folder / f"stream{known.device}"), known.direction)
    holder = _holder(folder / f"pcm{known.device}{known.direction[0]}")
    return replace(known, formats=formats, rates_hz=rates_hz, channels=channels, holder=holder)


def _usb_abilities(text: str, direction: Direction) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]:
    part = re.search(rf"^{direction.capitalize()}:\n((?:[ \t].*\n?|\n)*)", text, re.MULTILINE)
    lines = re.findall(r"^\s+(Format|Rates|Channels): (.+)$", part[1] if part else "", re.MULTILINE)
    formats = {value.strip() for key, value in lines if key == "Format"}
    channels = {int(value) for key, value in lines if key == "Channels" and value.strip().isdigit()}
    rates_hz = {rate for key, value in lines if key == "Rates" for rate in _rates(value)}
    return tuple(sorted(formats)), tuple(sorted(rates_hz)), tuple(sorted(channels))


def _rates(text: str) -> list[int]:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if "continuous" in text and len(numbers) == 2:
        return [rate for rate in STANDARD_RATES_HZ if numbers[0] <= rate <= numbers[1]]
    return numbers


def _holder(pcm: Path) -> str:
    for status in sorted(pcm.glob("sub*/status")):
        owner = _OWNER.search(_text(status))
        if owner:
            pid = int(owner[1])
            name = "this program" if pid == os.getpid() else _text(Path("/proc") / str(pid) / "comm").strip()
            return f"{name or 'a program'} (process {pid})"
    return ""


def _text(path: Path) -> str:
    # A card may vanish between two reads.
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
