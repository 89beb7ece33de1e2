"""Which devices there are, and what `device=` means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from satcard.satcard import VirtualCards

from satellite.core.errors import (
    DeviceAmbiguous,
    DeviceError,
    DeviceIndexUnknown,
    DeviceListingFailed,
    DeviceNotFound,
    NoDevices,
    WrongDirection,
)
from satellite.library import devices
from satellite.library.devices import input_devices, output_devices
from satellite.library.microphone import Microphone
from satellite.library.speaker import Speaker
from satellite.library.versions import version


@pytest.fixture(autouse=True)
def nothing_listed_yet() -> Iterator[None]:
    """Numbers mean the list that was given out last: that of another test is none."""
    devices._numbered.clear()
    yield
    devices._numbered.clear()


SOUND = (np.arange(1_600) + 1).astype(np.int16)


def test_microphones_and_speakers_are_listed_with_what_a_program_needs(cards: VirtualCards) -> None:
    microphones = input_devices()
    (mic,) = [found for found in microphones if found.id == "satmic"]
    assert (mic.max_input_channels, mic.default_sample_rate, mic.is_default) == (1, 16_000, False)
    (speaker,) = [found for found in output_devices() if found.id == "satspk"]
    assert (speaker.max_output_channels, speaker.default_sample_rate) == (1, 48_000)
    assert [found.id for found in microphones if found.is_default] == ["default"]
    assert [found.index for found in microphones] == [0, 1]
    assert mic.name
    with pytest.raises(FrozenInstanceError):
        mic.index = 3  # type: ignore[misc]


@pytest.mark.parametrize("by", ["index", "id", "part"])
def test_a_microphone_is_chosen_by_its_number_its_id_or_a_part_of_its_name(cards: VirtualCards, by: str) -> None:
    cards.say(SOUND)
    (listed,) = [found for found in input_devices() if found.id == "satmic"]
    with Microphone(device={"index": listed.index, "id": "satmic", "part": "SATM"}[by]) as mic:
        assert mic.read() == SOUND.tobytes()
        assert mic.statistics().description.startswith("satmic: 16000 Hz")


def test_a_speaker_is_chosen_the_same_way(cards: VirtualCards) -> None:
    (listed,) = [found for found in output_devices() if found.id == "satspk"]
    for device in (listed.index, "SATS", None):
        with Speaker(device=device) as speaker:
            assert speaker.is_open


def test_a_number_that_is_none_says_how_many_there_are(cards: VirtualCards) -> None:
    for number in (-1, 99):
        with pytest.raises(DeviceIndexUnknown, match=f"no microphone {number}: there are ") as raised:
            Microphone(device=number).start()
        assert isinstance(raised.value, DeviceNotFound)


def test_a_number_means_the_device_that_had_it_when_they_were_listed(cards: VirtualCards) -> None:
    (listed,) = [found for found in input_devices() if found.id == "satmic"]
    config = cards.directory / "asound.conf"
    config.write_text(config.read_text().replace("pcm.satmic", "pcm.amic").replace('"satmic"', '"amic"'))
    with pytest.raises(DeviceNotFound, match="satmic"):
        Microphone(device=listed.index).start()


def test_a_name_of_nothing_says_what_there_is(cards: VirtualCards) -> None:
    with pytest.raises(DeviceNotFound, match="there is satmic"):
        Microphone(device="telephone").start()


def test_a_name_of_several_lists_them(cards: VirtualCards) -> None:
    config = cards.directory / "asound.conf"
    config.write_text(config.read_text() + config.read_text().replace("pcm.satmic", "pcm.satmic2"))
    with pytest.raises(DeviceAmbiguous, match=r"satmic .*satmic2"):
        Microphone(device="satm").start()


def test_a_speaker_is_no_microphone_and_the_other_way_round(cards: VirtualCards) -> None:
    with pytest.raises(WrongDirection, match="'satspk' is a speaker, and no microphone"):
        Microphone(device="satspk").start()
    with pytest.raises(WrongDirection, match="'satmic' is a microphone, and no speaker"):
        Speaker(device="satmic").start()


def test_no_device_at_all_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "asound.conf"
    config.write_text('pcm.!default { type hw card "nothing" }\n')
    monkeypatch.setenv("ALSA_CONFIG_PATH", f"/usr/share/alsa/alsa.conf:{config}")
    with pytest.raises(NoDevices, match="there is no microphone: plug one in"):
        Microphone().start()
    with pytest.raises(NoDevices, match="there is no speaker"):
        Speaker().start()


def test_a_broken_configuration_of_alsa_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "asound.conf"
    config.write_text("pcm.broken { type ")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    for listing in (input_devices, output_devices):
        with pytest.raises(DeviceListingFailed, match="mistake"):
            listing()
    assert issubclass(DeviceListingFailed, DeviceError)


def test_versions_are_those_of_the_package_of_alsa_and_of_its_binding() -> None:
    told = version()
    assert told.satellite
    assert told.audio_backend.startswith("alsa-lib 1.")
    assert told.binding.startswith("pyalsaaudio 0.")
    assert Microphone.version() == Speaker.version() == told
