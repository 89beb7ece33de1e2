"""What the kernel tells of its cards: the files of a Raspberry Pi with a USB microphone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from satellite.device import kernel

CARDS = """\
 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
 1 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi
                      vc4-hdmi
 3 [Device         ]: USB-Audio - USB PnP Sound Device
                      C-Media Electronics Inc. USB PnP Sound Device at usb-3f980000.usb-1.2, full speed
"""
PCM = """\
00-00: bcm2835 Headphones : bcm2835 Headphones : playback 8
01-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1
03-00: USB Audio : USB Audio : playback 1 : capture 1
"""
STREAM = """\
C-Media Electronics Inc. USB PnP Sound Device at usb-3f980000.usb-1.2, full speed : USB Audio

Playback:
  Status: Stop
  Interface 1
    Altset 1
    Format: S16_LE
    Channels: 2
    Endpoint: 0x01 (1 OUT) (ADAPTIVE)
    Rates: 44100, 48000
    Bits: 16
    Channel map: FL FR
  Interface 1
    Altset 2
    Format: S24_3LE
    Channels: 2
    Rates: 8000 - 48000 (continuous)

Capture:
  Status: Running
    Interface = 2
  Interface 2
    Altset 1
    Format: S16_LE
    Channels: 1
    Endpoint: 0x82 (2 IN) (SYNC)
    Rates: 44100, 48000
    Bits: 16
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc/asound."""
    write(tmp_path / "cards", CARDS)
    write(tmp_path / "pcm", PCM)
    write(tmp_path / "card3" / "stream0", STREAM)
    for card, pcm in (("card0", "pcm0p"), ("card1", "pcm0p"), ("card3", "pcm0p"), ("card3", "pcm0c")):
        write(tmp_path / card / pcm / "sub0" / "status", "closed\n")
    return tmp_path


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_every_direction_of_every_device_is_found(proc: Path) -> None:
    found = [(d.card, d.device, d.id, d.direction) for d in kernel.devices(proc)]
    assert found == [
        (0, 0, "Headphones", "playback"),
        (1, 0, "vc4hdmi", "playback"),
        (3, 0, "Device", "capture"),
        (3, 0, "Device", "playback"),
    ]


def test_the_description_names_the_card_and_what_differs_in_the_device(proc: Path) -> None:
    assert [d.description for d in kernel.devices(proc)][:3] == [
        "bcm2835 Headphones",
        "vc4-hdmi, MAI PCM i2s-hifi-0",
        "USB PnP Sound Device, USB Audio",
    ]


def test_a_usb_card_tells_what_each_direction_can_do(proc: Path) -> None:
    capture, playback = kernel.devices(proc)[2:]
    assert (capture.formats, capture.rates_hz, capture.channels) == (("S16_LE",), (44_100, 48_000), (1,))
    assert playback.formats == ("S16_LE", "S24_3LE")
    assert playback.rates_hz == (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)
    assert playback.channels == (2,)


def test_other_cards_tell_nothing(proc: Path) -> None:
    assert kernel.devices(proc)[0].formats == ()


def test_who_holds_a_device_is_told(proc: Path) -> None:
    write(proc / "card3" / "pcm0c" / "sub0" / "status", f"state: RUNNING\nowner_pid   : {os.getppid()}\n")
    write(proc / "card3" / "pcm0p" / "sub0" / "status", f"state: RUNNING\nowner_pid   : {os.getpid()}\n")
    capture, playback = kernel.devices(proc)[2:]
    name = Path(f"/proc/{os.getppid()}/comm").read_text().strip()
    assert capture.holder == f"{name} (process {os.getppid()})"
    assert playback.holder == f"this program (process {os.getpid()})"


def test_a_holder_that_is_gone_already_is_a_program(proc: Path) -> None:
    write(proc / "card0" / "pcm0p" / "sub0" / "status", "state: RUNNING\nowner_pid   : 4194305\n")
    assert kernel.devices(proc)[0].holder == "a program (process 4194305)"


def test_without_sound_in_the_kernel_there_are_no_devices(tmp_path: Path) -> None:
    assert kernel.devices(tmp_path / "none") == []


def test_garbage_is_no_device(tmp_path: Path) -> None:
    write(tmp_path / "cards", "--- no soundcards ---\n")
    write(tmp_path / "pcm", "what\n00-00: lonely : lonely : playback 1\n")
    assert kernel.devices(tmp_path) == []
