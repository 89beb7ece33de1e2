"""Which devices there are, and which one a name means."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from satcard.satcard import VirtualCards, bare_config

from satellite.core.errors import DeviceAmbiguous, DeviceBusy, DeviceDenied, DeviceListingFailed, DeviceNotFound
from satellite.device import listing
from satellite.device.alsa import Abilities, pcm_names, probe
from satellite.device.kernel import Direction
from satellite.device.listing import DeviceInfo, list_devices, render, resolve

MakeCards = Callable[..., VirtualCards]

CARDS = """\
 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
 1 [Mic            ]: USB-Audio - Jabra SPEAK 410
 2 [Mic_1          ]: USB-Audio - Blue Snowball
 10 [sndrpihifiberry]: HifiberryDac - snd_rpi_hifiberry_dac
"""
PCM = """\
00-00: Headphones : Headphones : playback 8
01-00: USB Audio : USB Audio : playback 1 : capture 1
02-00: USB Audio : USB Audio : capture 1
02-01: USB Audio : USB Audio #1 : capture 1
10-00: HiFi : HiFi : playback 1
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc/asound of a Pi with two USB microphones."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cards").write_text(CARDS)
    (tmp_path / "proc" / "pcm").write_text(PCM)
    return tmp_path / "proc"


def card(name: str, direction: Direction) -> Abilities:
    """A machine whose default is card 1, whose card 2 is busy, and where card 10 may not be opened."""
    if "Mic_1" in name:
        raise DeviceBusy("busy")
    if "hifiberry" in name:
        raise DeviceDenied("speaker x may not be opened by pi: sudo usermod -aG audio pi")
    return Abilities(("S16_LE",), (44_100, 48_000), (1, 2), 1 if name == "default" else None)


# Listing


def test_microphones_come_first_each_with_the_name_to_configure(proc: Path) -> None:
    devices = list_devices(proc, card)
    assert [(d.direction, d.name) for d in devices] == [
        ("capture", "plughw:CARD=Mic"),
        ("capture", "plughw:CARD=Mic_1"),
        ("capture", "plughw:CARD=Mic_1,DEV=1"),
        ("playback", "plughw:CARD=Headphones"),
        ("playback", "plughw:CARD=Mic"),
        ("playback", "plughw:CARD=sndrpihifiberry"),
    ]
    assert [(d.card, d.index) for d in devices][:2] == [("Mic", 1), ("Mic_1", 2)]
    assert devices[0].description == "Jabra SPEAK 410, USB Audio"


def test_the_card_behind_alsas_default_is_marked(proc: Path) -> None:
    assert [d.name for d in list_devices(proc, card) if d.is_default] == ["plughw:CARD=Mic", "plughw:CARD=Mic"]


def test_a_default_that_is_no_card_is_a_device_of_its_own(proc: Path) -> None:
    def server(name: str, direction: Direction) -> Abilities:
        return Abilities(("S16_LE",), (48_000,), (2,), None)

    first = list_devices(proc, server)[0]
    assert (first.name, first.is_default) == ("default", True)


def test_a_device_says_what_it_can_do_or_why_it_cannot_be_used(proc: Path) -> None:
    devices = {d.name: d for d in list_devices(proc, card)}
    free = devices["plughw:CARD=Headphones"]
    assert (free.formats, free.rates_hz, free.channels, free.trouble) == (("S16_LE",), (44_100, 48_000), (1, 2), "")
    assert devices["plughw:CARD=Mic_1"].trouble == "in use"
    assert "usermod" in devices["plughw:CARD=sndrpihifiberry"].trouble


def test_a_device_that_somebody_holds_is_not_opened(proc: Path) -> None:
    status = proc / "card1" / "pcm0c" / "sub0" / "status"
    status.parent.mkdir(parents=True)
    status.write_text("state: RUNNING\nowner_pid   : 1\n")

    def never_held(name: str, direction: Direction) -> Abilities:
        assert (name, direction) != ("hw:CARD=Mic,DEV=0", "capture")
        return card(name, direction)

    first = list_devices(proc, never_held)[0]
    assert first.trouble.startswith("in use by ")
    assert first.trouble.endswith("(process 1)")


def test_devices_of_alsas_configuration_are_listed_in_their_direction(make_cards: MakeCards) -> None:
    make_cards(mic_rates=[48_000], mic_channels=[2])
    devices = list_devices(ask=partial(probe, answer_s=30))
    assert [(d.direction, d.name, d.is_default) for d in devices] == [
        ("capture", "default", True),
        ("capture", "satmic", False),
        ("playback", "default", True),
        ("playback", "satspk", False),
    ]
    assert (devices[1].formats, devices[1].rates_hz, devices[1].channels) == (("S16_LE",), (48_000,), (2,))


def test_the_table_is_for_a_person(proc: Path) -> None:
    text = render(list_devices(proc, card))
    assert text.splitlines()[0] == "Microphones"
    assert "* plughw:CARD=Mic " in text
    assert "card 1: Jabra SPEAK 410, USB Audio  [44.1/48 kHz, 1-2 channel(s), S16_LE]" in text
    assert "[in use]" in text
    assert "\n\nSpeakers\n" in text


def test_a_direction_without_devices_says_none() -> None:
    text = render([DeviceInfo("plughw:CARD=A", "A", 0, "A", "playback")])
    assert text.startswith("Microphones\n  none\n")


def test_without_any_device_there_is_one_friendly_line(tmp_path: Path) -> None:
    def nothing(name: str, direction: Direction) -> Abilities:
        raise DeviceNotFound(name)

    devices = list_devices(tmp_path, nothing)
    assert devices == []
    assert render(devices) == listing.NO_HARDWARE
    assert "\n" not in listing.NO_HARDWARE


def test_json_is_complete_and_exits_with_0(cards: VirtualCards, capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main(as_json=True) == 0
    devices = json.loads(capsys.readouterr().out)
    assert {device["name"] for device in devices} == {"default", "satmic", "satspk"}
    assert set(devices[0]) == set(DeviceInfo.__dataclass_fields__)


def test_the_table_is_printed_otherwise(cards: VirtualCards, capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main(as_json=False) == 0
    assert "satmic" in capsys.readouterr().out


# Resolving


@pytest.mark.parametrize("name", ["default", "hw:1,0", "plughw:CARD=USB", "dsnoop:CARD=Mic", "nonsense:x"])
def test_alsas_own_names_go_through_untouched(proc: Path, name: str) -> None:
    assert resolve(name, "capture", proc) == name


def test_a_name_that_alsas_configuration_shows_is_itself(cards: VirtualCards) -> None:
    assert resolve("satmic", "capture") == "satmic"


def test_a_name_that_alsas_configuration_knows_but_does_not_show_is_itself(proc: Path, cards: VirtualCards) -> None:
    """Although it is also a part of a card's description."""
    with (cards.directory / "asound.conf").open("a") as config:
        config.write('pcm.snow { type plug slave.pcm "satmic" hint { show off } }\n')
    assert "snow" not in pcm_names("capture")
    assert resolve("snow", "capture", proc) == "snow"


@pytest.mark.parametrize(
    ("name", "direction", "pcm"),
    [
        ("Mic", "capture", "plughw:CARD=Mic"),
        ("Mic_1", "capture", "plughw:CARD=Mic_1"),
        ("Mic", "playback", "plughw:CARD=Mic"),
        ("1", "capture", "plughw:CARD=Mic"),
        ("10", "playback", "plughw:CARD=sndrpihifiberry"),
        ("jabra", "capture", "plughw:CARD=Mic"),
        ("HIFIBERRY", "playback", "plughw:CARD=sndrpihifiberry"),
        ("audio #1", "capture", "plughw:CARD=Mic_1,DEV=1"),
    ],
)
def test_a_card_is_named_by_id_number_or_part_of_its_description(
    proc: Path, name: str, direction: Direction, pcm: str
) -> None:
    assert resolve(name, direction, proc) == pcm


def test_an_ambiguous_name_lists_the_matches(proc: Path) -> None:
    with pytest.raises(DeviceAmbiguous) as caught:
        resolve("usb", "capture", proc)
    text = str(caught.value)
    assert text.startswith("several microphones match 'usb': ")
    for name in ("plughw:CARD=Mic (Jabra SPEAK 410, USB Audio)", "plughw:CARD=Mic_1 (Blue Snowball, USB Audio)"):
        assert name in text


def test_an_unknown_name_says_what_is_near(proc: Path) -> None:
    with pytest.raises(DeviceNotFound, match=r"no speaker 'Headphone5': did you mean plughw:CARD=Headphones\?"):
        resolve("Headphone5", "playback", proc)


def test_an_unknown_name_without_neighbours_says_what_there_is(proc: Path) -> None:
    with pytest.raises(DeviceNotFound, match=r"no speaker 'xyzzy': there is plughw:CARD=Headphones, "):
        resolve("xyzzy", "playback", proc)


def test_a_card_without_a_microphone_is_no_microphone(proc: Path) -> None:
    for name in ("0", "Headphones"):
        with pytest.raises(DeviceNotFound, match="there is no microphone"):
            resolve(name, "capture", proc)


def test_without_any_card_there_is_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(DeviceNotFound, match="there is no microphone '1': there is none at all"):
        resolve("1", "capture", tmp_path)


@pytest.mark.parametrize("text", ["pcm.broken { type", None])
def test_a_configuration_that_alsa_cannot_read_is_said_and_not_taken_for_missing_hardware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    (tmp_path / "asound.conf").write_text(text or "")
    before = bare_config(tmp_path) if text else ""
    monkeypatch.setenv("ALSA_CONFIG_PATH", f"{before}:{tmp_path}/asound.conf")
    with pytest.raises(DeviceListingFailed, match="configuration is missing or has a mistake"):
        listing.main(as_json=False)
