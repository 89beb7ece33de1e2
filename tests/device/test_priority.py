"""Who gives way to whom."""

from __future__ import annotations

import math

import pytest

from satellite.device.priority import UNDER, Priority, loudest, share

MEDIA, ALARM, SPEECH, CUE = Priority


@pytest.mark.parametrize(
    ("sounding", "down"),
    [
        ([MEDIA], []),
        ([ALARM], []),
        ([MEDIA, ALARM], [MEDIA]),
        ([MEDIA, SPEECH], [MEDIA]),
        ([ALARM, SPEECH], [ALARM]),
        ([MEDIA, ALARM, SPEECH, CUE], [MEDIA, ALARM]),
        ([SPEECH, CUE], []),
        ([MEDIA, CUE], []),
        ([MEDIA, MEDIA], []),
    ],
)
def test_all_go_down_by_20_db_under_the_highest_that_is_not_a_cue(
    sounding: list[Priority], down: list[Priority]
) -> None:
    above = loudest(sounding, attentive=False)
    assert [priority for priority in sounding if share(priority, above) == UNDER] == down
    assert 20 * math.log10(UNDER) == pytest.approx(-20)


def test_alarms_and_media_go_down_while_a_person_speaks_and_a_cue_does_not() -> None:
    above = loudest([], attentive=True)
    assert [share(priority, above) for priority in Priority] == [UNDER, UNDER, 1.0, 1.0]
