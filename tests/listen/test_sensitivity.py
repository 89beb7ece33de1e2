from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.config import ListeningConfig
from satellite.config.schema import settings
from satellite.listen.sensitivity import LEVELS, NORMAL, moved


def test_speech_thresholds_are_0_3_0_5_and_0_7() -> None:
    assert [moved(0.5, LEVELS[name].vad_odds) for name in ("high", "normal", "low")] == pytest.approx([0.3, 0.5, 0.7])


def test_a_wake_words_thresholds_move_by_its_odds() -> None:
    assert [moved(0.5, level.wake_odds) for level in LEVELS.values()] == pytest.approx([0.35, 0.5, 0.7])
    assert [moved(0.97, level.wake_odds) for level in LEVELS.values()] == pytest.approx([0.946, 0.97, 0.987], abs=1e-3)


def test_the_gate_opens_the_sooner_the_more_sensitive() -> None:
    assert LEVELS["high"].gate_margin_db < LEVELS[NORMAL].gate_margin_db < LEVELS["low"].gate_margin_db


def test_the_configuration_knows_the_same_names() -> None:
    assert set(settings(ListeningConfig)["sensitivity"].metadata["choices"]) == set(LEVELS)
    assert ListeningConfig().sensitivity == NORMAL


@given(st.floats(0, 1), st.sampled_from(sorted(LEVELS)))
def test_a_threshold_stays_one(threshold: float, name: str) -> None:
    assert 0 <= moved(threshold, LEVELS[name].wake_odds) <= 1
