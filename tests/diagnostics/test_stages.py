"""What each stage of the listening takes, held to what it may take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from speech import model

from satellite.config import Config, ListeningConfig, MicrophoneConfig, ProcessingConfig
from satellite.diagnostics.stages import BUDGETS_MS, StageCost, stages
from satellite.dsp import speex, webrtc
from satellite.listen.overload import HOP_MS, SHARE

PLAIN = Config(microphone=MicrophoneConfig(aec="off"))


def names(costs: tuple[StageCost, ...]) -> list[str]:
    return [cost.name for cost in costs]


def test_the_budgets_together_are_what_is_too_much() -> None:
    assert sum(BUDGETS_MS.values()) == SHARE * HOP_MS


def test_every_stage_keeps_within_its_budget() -> None:
    for name in ("hey_jarvis", "silero_vad"):
        model(name)
    noise_suppression = "off" if webrtc.missing() else "medium"
    processing = ProcessingConfig(high_pass_hz=20.0, agc="slow", noise_suppression=noise_suppression)
    costs = stages(replace(Config(), processing=processing))
    assert names(costs) == [name for name in BUDGETS_MS if name != "echo canceller" or not speex.missing()]
    for cost in costs:
        assert 0 < cost.ms <= cost.budget_ms, cost


@pytest.mark.parametrize(
    ("listening", "left"),
    [
        (ListeningConfig(), ["conversion", "gate", "wake words", "speech", "processing"]),
        (ListeningConfig(vad="energy"), ["conversion", "gate", "wake words", "processing"]),
        (ListeningConfig(mode="stream"), ["conversion", "gate", "speech", "processing"]),
    ],
)
def test_only_what_the_configuration_has_is_measured(listening: ListeningConfig, left: list[str]) -> None:
    for name in ("hey_jarvis", "silero_vad"):
        model(name)
    assert names(stages(replace(PLAIN, listening=listening))) == left


def test_what_makes_a_stage_slow_is_seen_in_that_stage() -> None:
    model("hey_jarvis")
    one, three = (
        {cost.name: cost.ms for cost in stages(replace(PLAIN, processing=processing))}
        for processing in (ProcessingConfig(), ProcessingConfig(high_pass_hz=20.0, agc="slow", peak_normalise=True))
    )
    assert three["processing"] > 10 * one["processing"]
