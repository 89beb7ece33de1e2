"""When the satellite counts as alive."""

from __future__ import annotations

import pytest

from satellite.app.health import DEAF_S, hears
from satellite.device.capture import CaptureStatistics


def capture(state: str, last_frame_age_s: float | None) -> CaptureStatistics:
    return CaptureStatistics(
        state,
        description="",
        frames=0,
        samples=0,
        overruns=0,
        lost_samples=0,
        reopens=0,
        last_frame_age_s=last_frame_age_s,
        feed_p95_ms=0.0,
    )


def test_it_hears_while_frames_arrive() -> None:
    assert hears(capture("open", 0.02))


def test_an_open_microphone_whose_thread_brings_nothing_is_not_hearing() -> None:
    assert not hears(capture("open", DEAF_S))


@pytest.mark.parametrize("state", ["opening", "lost", "ended"])
def test_a_loss_that_is_being_handled_is_not_a_reason_to_be_ended(state: str) -> None:
    assert hears(capture(state, 3600.0))


def test_nobody_is_ended_while_models_load() -> None:
    assert hears(None)
    assert hears(capture("open", None))
