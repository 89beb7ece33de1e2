"""Which rate a card is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from satcard.satcard import VirtualCards

from satellite.core.errors import DeviceBusy
from satellite.device.rates import alsa_converts_well, rate_to_ask


def card(*rates_hz: int) -> Callable[[str], Sequence[int]]:
    def rates_of(pcm: str) -> Sequence[int]:
        assert pcm == "hw:CARD=USB"
        return rates_hz

    return rates_of


@pytest.mark.parametrize(
    ("rates_hz", "asked_hz"),
    [
        ((16_000, 48_000), 16_000),
        ((44_100, 48_000, 96_000), 48_000),
        ((44_100,), 44_100),
        ((8_000, 44_100), 44_100),
        ((8_000,), 8_000),
    ],
)
def test_without_a_good_converter_a_card_is_asked_for_a_rate_of_its_own(
    rates_hz: tuple[int, ...], asked_hz: int
) -> None:
    assert rate_to_ask("plughw:CARD=USB", 16_000, card(*rates_hz), converts_well=False) == asked_hz


def test_with_one_it_is_asked_for_what_is_wanted() -> None:
    assert rate_to_ask("plughw:CARD=USB", 16_000, card(48_000), converts_well=True) == 16_000


def test_a_bare_card_grants_what_it_has_anyway() -> None:
    assert rate_to_ask("hw:CARD=USB", 16_000, card(48_000), converts_well=False) == 16_000


def test_a_shared_device_is_asked_for_the_rate_that_it_runs_at() -> None:
    assert rate_to_ask("default", 16_000, card(), converts_well=False) == 48_000


def test_a_card_that_does_not_answer_is_refused_by_its_open_not_here() -> None:
    def busy(_pcm: str) -> Sequence[int]:
        raise DeviceBusy("busy")

    assert rate_to_ask("plughw:CARD=USB", 16_000, busy, converts_well=False) == 16_000


def test_the_converters_are_looked_for_where_alsa_keeps_its_plugins(tmp_path: Path) -> None:
    assert not alsa_converts_well(tmp_path)
    (tmp_path / "libasound_module_rate_speexrate.so").touch()
    assert alsa_converts_well(tmp_path)


def test_a_tone_above_the_speech_does_not_come_back_inside_it(make_cards: Callable[..., VirtualCards]) -> None:
    """12 kHz on a 48 kHz card, opened as the satellite opens it, and converted to 16 kHz."""
    from satellite.config import MicrophoneConfig
    from satellite.device.alsa import AlsaSource
    from satellite.dsp.convert import Converter

    cards = make_cards(mic_rates=(48_000,))
    cards.say((16_000 * np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000)).astype(np.int16))
    cards.speed("mic", 4)
    # A gap in the tone is heard.
    cards.be_patient()
    source = AlsaSource("plugmic", MicrophoneConfig())
    converter = Converter(source.format, 16_000, 1)
    heard: list[np.ndarray] = []
    while sum(map(len, heard)) < 12_000:
        if pcm := source.read().pcm:
            heard.append(converter.process(pcm)[:, 0])
    source.close()
    assert np.sqrt(np.mean(np.concatenate(heard)[2_000:].astype(float) ** 2)) < 400
