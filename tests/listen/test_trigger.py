from __future__ import annotations

from dataclasses import replace

import pytest
from listen.scripted import ALEXA, JARVIS

from satellite.core.audio import RATE_HZ
from satellite.listen.trigger import Trigger, Wake, doubt_after

HOP = 1280


def hear(
    trigger: Trigger,
    scores: list[float],
    first: int = 1,
    *,
    name: str = "alexa",
    thresholds: dict[str, float] | None = None,
    armed: bool = True,
) -> list[Wake]:
    """The wakes of hops with these scores of one word, of which the first ends at hop number `first`."""
    silent = {"alexa": 0.0, "jarvis": 0.0}
    found = [
        trigger.hear((first + n) * HOP, {**silent, name: score}, thresholds or {}, armed=armed)
        for n, score in enumerate(scores)
    ]
    return [wake for wake in found if wake]


def test_a_score_at_the_threshold_is_a_wake() -> None:
    assert hear(Trigger([ALEXA]), [0.0, 0.499, 0.5, 0.9]) == [Wake(ALEXA, 0.5, 3 * HOP, 2 * HOP)]


def test_a_wake_says_since_when_the_score_was_rising() -> None:
    (wake,) = hear(Trigger([ALEXA]), [0.0, 0.01, 0.0, 0.02, 0.3, 0.8])
    assert wake.rising_at == 4 * HOP
    (wake,) = hear(Trigger([ALEXA]), [0.0, 0.002, 0.8])
    assert wake.rising_at == wake.at


def test_the_word_is_not_heard_again_for_2_s() -> None:
    wakes = hear(Trigger([ALEXA]), [0.9] * 60)
    assert [wake.at // HOP for wake in wakes] == [1, 27, 53]


def test_each_word_has_its_own_refractory_time() -> None:
    trigger = Trigger([replace(ALEXA, refractory_s=4.0), JARVIS])
    assert len(hear(trigger, [0.9])) == 1
    assert len(hear(trigger, [0.9], first=3, name="jarvis")) == 1
    assert [wake.at for wake in hear(trigger, [0.9] * 60, first=4)] == [1 * HOP + (4 * RATE_HZ // HOP + 1) * HOP]


def test_of_words_in_one_hop_the_highest_is_heard_and_the_others_are_the_same_utterance() -> None:
    trigger = Trigger([ALEXA, JARVIS])
    wake = trigger.hear(HOP, {"alexa": 0.6, "jarvis": 0.9}, {}, armed=True)
    assert wake is not None
    assert wake.model is JARVIS
    assert trigger.hear(2 * HOP, {"alexa": 0.9, "jarvis": 0.9}, {}, armed=True) is None


@pytest.mark.parametrize(("threshold", "heard"), [(0.6, 1), (0.8, 0)])
def test_a_threshold_set_at_run_time_goes_before_the_models(threshold: float, heard: int) -> None:
    assert len(hear(Trigger([JARVIS]), [0.65], name="jarvis", thresholds={"jarvis": threshold})) == heard


def test_a_wake_that_was_refused_counts_no_more_and_the_next_one_does_at_once() -> None:
    trigger = Trigger([ALEXA, JARVIS])
    (wake,) = hear(trigger, [0.0, 0.9])
    trigger.refuse(wake)
    assert hear(trigger, [0.9, 0.8, 0.9], 3) == []
    assert [wake.at for wake in hear(trigger, [0.4, 0.9, 0.9], 6)] == [7 * HOP]


def test_unarmed_it_reports_nothing_and_starts_no_refractory_time() -> None:
    trigger = Trigger([ALEXA])
    assert hear(trigger, [0.9], armed=False) == []
    assert len(hear(trigger, [0.9], first=2)) == 1


def test_in_doubt_two_hops_in_a_row_must_agree() -> None:
    trigger = Trigger([ALEXA])
    trigger.doubt(doubt_after(HOP))
    assert hear(trigger, [0.9, 0.0, 0.9, 0.1], first=2) == []
    assert [wake.at // HOP for wake in hear(trigger, [0.9, 0.6], first=6)] == [7]


def test_doubt_ends_when_the_gap_is_out_of_sight() -> None:
    trigger = Trigger([ALEXA])
    trigger.doubt(doubt_after(HOP))
    assert hear(trigger, [0.9], first=17) == []
    assert len(hear(trigger, [0.0, 0.9], first=18)) == 1
