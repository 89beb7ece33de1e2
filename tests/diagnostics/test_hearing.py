"""Where a microphone test gets its sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from satcard.satcard import VirtualCards

from satellite.config import Config, MicrophoneConfig, PathsConfig, WakeWordConfig
from satellite.diagnostics.hearing import Daemon, find_daemon, in_force, opened, place, with_all_channels


@pytest.mark.parametrize(
    ("device", "text"),
    [
        ("plughw:CARD=Mini,DEV=1", "card Mini"),
        ("hw:CARD=USB", "card USB"),
        ("default", "the default microphone"),
        ("satmic", "microphone satmic"),
        ("command:arecord -D x", "the microphone"),
        ("wav:x.wav", "the microphone"),
    ],
)
def test_whose_volume_is_to_be_changed(device: str, text: str) -> None:
    assert place(device) == text


@pytest.mark.parametrize(("channels", "asked"), [((2,), 2), ((1, 2, 4), 4), ((1,), 1), ((16,), 1)])
def test_a_card_is_asked_for_all_channels_that_a_microphone_may_have(
    channels: tuple[int, ...], asked: int, make_cards: Callable[..., VirtualCards]
) -> None:
    make_cards(mic_channels=channels)
    assert with_all_channels(MicrophoneConfig(device="satmic")).channels == asked


@pytest.mark.parametrize("device", ["plugmic", "default", "command:true", "wav:x.wav"])
def test_what_has_as_many_channels_as_one_likes_is_left_as_it_is_configured(
    device: str, make_cards: Callable[..., VirtualCards]
) -> None:
    make_cards(mic_channels=(2,))
    config = MicrophoneConfig(device=device, channels=2)
    assert with_all_channels(config) == config


def test_a_card_that_is_opened_is_closed_again(cards: VirtualCards) -> None:
    with opened(MicrophoneConfig(device="satmic")) as stream:
        assert (stream.live, stream.place, stream.format.channels) == (True, "microphone satmic", 1)
        next(stream.batches)
    with opened(MicrophoneConfig(device="satmic")) as stream:
        next(stream.batches)


def test_the_thresholds_in_force_are_those_of_the_running_satellite() -> None:
    words = (WakeWordConfig("alexa", threshold=0.5), WakeWordConfig("hey_jarvis", threshold=0.5))
    daemon = Daemon(Path("s"), "default", {"alexa": 0.8})
    assert [word.threshold for word in in_force(Config(wake_word=words), daemon).wake_word] == [0.8, 0.5]


def test_where_no_satellite_runs_there_is_none(tmp_path: Path) -> None:
    config = replace(Config(), paths=PathsConfig(control=str(tmp_path / "none.sock")))
    assert find_daemon(config) is None
