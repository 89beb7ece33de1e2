"""The crossing between the threads."""

from __future__ import annotations

import threading

from satellite.core import inbox
from satellite.core.events import AnswerAudio, EndReason, Event, RoomAudio, SpeechAudio, SpeechEnded, Tick


def filled(*events: Event) -> inbox.Inbox:
    box = inbox.Inbox(lambda: None)
    for event in events:
        box.post(event)
    return box


def test_events_come_out_in_the_order_they_went_in() -> None:
    events = [Tick(), SpeechAudio(1, 0, b"\0\0"), Tick(), AnswerAudio(b"\0")]
    assert filled(*events).take() == events


def test_only_the_first_post_wakes_the_taker() -> None:
    woken: list[int] = []
    box = inbox.Inbox(lambda: woken.append(1))
    box.post(Tick())
    box.post(Tick())
    assert len(woken) == 1
    box.take()
    box.post(Tick())
    assert len(woken) == 2


def test_too_much_speech_drops_the_oldest_and_ends_the_command_once() -> None:
    second = bytes(32_000)
    box = filled(*(SpeechAudio(1, n * 16_000, second) for n in range(8)))
    events = box.take()
    assert [event.start // 16_000 for event in events if isinstance(event, SpeechAudio)] == [3, 4, 5, 6, 7]
    assert [event for event in events if isinstance(event, SpeechEnded)] == [SpeechEnded(1, 0, EndReason.STALLED)]
    assert isinstance(events[0], SpeechEnded)
    assert box.statistics().speech_bytes_dropped == 3 * len(second)


def test_too_much_of_an_answer_drops_the_newest() -> None:
    chunk = bytes(inbox.ANSWER_BYTES // 2)
    box = filled(AnswerAudio(chunk), AnswerAudio(chunk), AnswerAudio(b"1"))
    assert len(box.take()) == 2
    assert box.statistics().answer_bytes_dropped == 1


def test_other_events_are_bounded_and_counted() -> None:
    box = filled(*(Tick() for _ in range(inbox.OTHERS + 3)))
    assert box.statistics() == inbox.InboxStatistics(inbox.OTHERS, 0, 0, 3)


def test_nothing_is_lost_between_threads() -> None:
    woken = threading.Event()
    box = inbox.Inbox(woken.set)
    threads = [threading.Thread(target=lambda: [box.post(AnswerAudio(b"x")) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    count = 0
    while count < 2_000:
        assert woken.wait(5)
        woken.clear()
        count += len(box.take())
    for thread in threads:
        thread.join()
    assert count == 2_000


def test_of_the_rooms_sound_5_s_wait_and_the_newest_is_dropped_and_counted() -> None:
    pieces = [RoomAudio(at, bytes(2_560)) for at in range(0, 100 * 1_280, 1_280)]
    box = filled(*pieces)
    assert box.statistics().room_bytes_dropped == 100 * 2_560 - 62 * 2_560
    assert box.take() == pieces[:62]
    box.post(pieces[0])
    assert box.take() == pieces[:1]
