"""Which canceller there is by which name, and when one is given up."""

from __future__ import annotations

import pytest

from satellite.core.errors import EchoFailed
from satellite.dsp import canceller, speex, webrtc
from satellite.dsp.canceller import Sanity

LOUD = 1_000.0**2
HALF_A_SECOND = 50
A_MINUTE = 6_000


def goes_wrong(sanity: Sanity) -> bool:
    """Whether half a second of sound that came out ten times as strong is a reason to forget the room."""
    return [sanity.louder(LOUD, 10 * LOUD) for _ in range(HALF_A_SECOND)][-1]


def test_what_lowers_the_sound_or_leaves_it_is_left_alone() -> None:
    sanity = Sanity()
    for left in (0.0, LOUD / 100, LOUD, 3 * LOUD):
        assert not any(sanity.louder(LOUD, left) for _ in range(1_000))
    assert not any(sanity.louder(1.0, 50.0**2) for _ in range(1_000)), "next to nothing"


def test_a_loud_block_now_and_then_is_no_reason() -> None:
    sanity = Sanity()
    assert not any(sanity.louder(LOUD, 10 * LOUD) or sanity.louder(LOUD, LOUD) for _ in range(1_000))


def test_the_room_is_forgotten_three_times_and_then_it_is_given_up() -> None:
    sanity = Sanity()
    assert all(goes_wrong(sanity) for _ in range(3))
    with pytest.raises(EchoFailed, match="louder than what goes in"):
        goes_wrong(sanity)


def test_after_a_good_minute_all_is_forgiven() -> None:
    sanity = Sanity()
    for _ in range(10):
        assert goes_wrong(sanity)
        assert not any(sanity.louder(LOUD, LOUD / 10) for _ in range(A_MINUTE))


def test_why_one_cannot_be_had_is_said_by_its_library() -> None:
    assert canceller.missing("speex") == speex.missing()
    assert canceller.missing("webrtc") == webrtc.missing()
    assert canceller.missing("auto") == canceller.missing("off") == "", "it goes on without"
