"""What waits for one peer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from satellite.core.messages import MicAudio
from satellite.network import outbox
from satellite.network.outbox import Outbox
from satellite.network.protocol import encode

ACTIONS = st.lists(st.tuples(st.sampled_from(["sound", "other", "urgent", "take"]), st.integers(1, 30)), max_size=60)


def test_urgent_events_overtake_and_the_rest_keeps_its_order() -> None:
    box = Outbox()
    assert box.put(b"a")
    assert box.put_sound(b"b")
    assert box.put(b"c")
    assert box.put(b"U", urgent=True)
    assert box.take(100) == b"Uabc"
    assert box.take(100) == b""


def test_whole_events_are_taken_up_to_about_what_is_asked() -> None:
    box = Outbox()
    for piece in (b"aaa", b"bbb", b"ccc"):
        box.put_sound(piece)
    assert box.take(4) == b"aaabbb"
    assert box.take(1) == b"ccc"


def test_what_is_full_takes_nothing_more_and_keeps_what_it_has() -> None:
    box = Outbox(sound_bytes=4, others=2)
    assert box.put_sound(b"1234")
    assert not box.put_sound(b"5")
    assert box.put(b"x")
    assert box.put(b"y", urgent=True)
    assert not box.put(b"z")
    assert not box.put(b"z", urgent=True)
    assert box.take(100) == b"y1234x"
    assert box.put(b"z")


def test_others_are_bounded_in_bytes_too() -> None:
    box = Outbox()
    assert box.put(bytes(outbox.OTHERS_BYTES))
    assert not box.put(b"x")


def test_forty_seconds_of_microphone_fit() -> None:
    box = Outbox()
    frame = encode(MicAudio(bytes(512)))
    taken = 0
    while box.put_sound(frame):
        taken += 1
    assert 40.0 <= taken * 0.016 < 42.0


@given(ACTIONS)
def test_every_byte_taken_in_comes_out_once_and_the_count_is_right(actions: list[tuple[str, int]]) -> None:
    box = Outbox(sound_bytes=100, others=5)
    held = 0
    for action, size in actions:
        if action == "take":
            held -= len(box.take(size))
        elif action == "sound":
            held += size if box.put_sound(bytes(size)) else 0
        else:
            held += size if box.put(bytes(size), urgent=action == "urgent") else 0
        assert box.queued_bytes == held
    assert len(box.take(held + 1)) == held
    assert box.queued_bytes == 0
