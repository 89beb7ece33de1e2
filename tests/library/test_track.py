"""Several sounds on one speaker."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from fakes_device import wait_until
from satcard.satcard import VirtualCards
from signals import tone

from satellite.core.errors import ChannelsOutOfRange, NotRunning, RateOutOfRange, SamplesUnfit
from satellite.library.async_speaker import AsyncSpeaker
from satellite.library.speaker import Speaker

SECOND = 48_000


def level(value: int, frames: int = SECOND) -> np.ndarray:
    return np.full(frames, value, np.int16)


def together(cards: VirtualCards, value: int) -> int:
    """How many frames of the card have this value."""
    return int(np.count_nonzero(cards.heard() == value))


def test_tracks_are_heard_at_once_and_every_sample_of_them_once(cards: VirtualCards) -> None:
    with Speaker(sample_rate=SECOND, device="satspk", queue_ms=5_000) as speaker:
        low, high = speaker.add_track(), speaker.add_track()
        low.write(level(100))
        high.write(level(10_000, SECOND // 2))
        speaker.write(level(1_000))
        assert low.is_playing
        speaker.drain()
        assert [low.is_playing, high.is_playing, speaker.is_playing] == [False] * 3
    heard = cards.heard().astype(int)
    assert [int(np.count_nonzero(heard // size % 10)) for size in (100, 1_000, 10_000)] == [SECOND, SECOND, SECOND // 2]
    assert together(cards, 11_100) > SECOND // 4


def test_sums_saturate(cards: VirtualCards) -> None:
    with Speaker(sample_rate=SECOND, device="satspk", queue_ms=2_000) as speaker:
        track = speaker.add_track()
        track.write(level(30_000))
        speaker.write(level(30_000))
    assert set(cards.heard().tolist()) <= {0, 30_000, 32_767}
    assert together(cards, 32_767) > SECOND // 2


def test_each_has_a_rate_channels_and_a_type_of_its_own(cards: VirtualCards) -> None:
    with Speaker(sample_rate=SECOND, device="satspk", queue_ms=2_000) as speaker:
        track = speaker.add_track(sample_rate=8_000, channels=2, dtype="float32")
        assert (track.settings.sample_rate, track.settings.channels, track.settings.dtype) == (8_000, 2, "float32")
        sound = tone(440, 1, -12, 8_000).astype(np.float32) / 32_768
        track.write(np.stack([sound, sound], axis=1))
        with pytest.raises(SamplesUnfit):
            track.write(level(1))
        speaker.write(tone(1_000, 1, -12, SECOND))
    spectrum = np.abs(np.fft.rfft(cards.heard().astype(float)))
    hz = np.fft.rfftfreq(len(cards.heard()), 1 / SECOND)
    loud = {round(float(hz[at]), -1) for at in np.argsort(spectrum)[-6:]}
    assert {440.0, 1_000.0} <= loud


def test_one_that_runs_dry_is_silent_and_goes_on_and_costs_the_others_nothing(cards: VirtualCards) -> None:
    with Speaker(sample_rate=SECOND, device="satspk", queue_ms=60_000) as speaker:
        track = speaker.add_track()
        speaker.write(level(1, 3 * SECOND))
        for _ in range(3):
            track.write(level(1_000, SECOND // 10))
            track.drain()
            assert speaker.is_playing
    heard = cards.heard()
    first, last = np.flatnonzero(heard % 10)[[0, -1]]
    assert last - first + 1 == 3 * SECOND
    assert np.count_nonzero(heard >= 1_000) == 3 * SECOND // 10
    assert np.count_nonzero(np.diff((heard >= 1_000).astype(int)) == -1) == 3


def test_one_that_is_removed_is_silent_and_the_others_go_on(cards: VirtualCards) -> None:
    with Speaker(sample_rate=SECOND, device="satspk", queue_ms=60_000) as speaker:
        track = speaker.add_track()
        track.write(level(1_000, 30 * SECOND))
        speaker.write(level(1, SECOND))
        wait_until(lambda: together(cards, 1_001) > 0)
        track.remove()
        track.remove()
        assert not track.is_playing
        with pytest.raises(NotRunning, match="removed"):
            track.write(level(1_000))
        speaker.write(level(2, 100))
    heard = cards.heard()
    assert np.count_nonzero(heard % 10) == SECOND + 100
    assert np.count_nonzero(heard >= 1_000) < 2 * SECOND


def test_a_stop_discards_all_and_tracks_play_again_after_a_start(cards: VirtualCards) -> None:
    speaker = Speaker(sample_rate=SECOND, device="satspk", queue_ms=60_000)
    track = speaker.add_track()
    with pytest.raises(NotRunning):
        track.write(level(5))
    speaker.start()
    track.write(level(5, 30 * SECOND))
    wait_until(lambda: together(cards, 5) > 0)
    speaker.stop()
    assert not track.is_playing
    with speaker:
        track.write(level(7, 4_800))
    assert together(cards, 7) == 4_800
    assert together(cards, 5) < 3 * SECOND


def test_writes_of_several_threads_come_each_whole(cards: VirtualCards) -> None:
    with Speaker(sample_rate=SECOND, device="satspk", queue_ms=20) as speaker:
        writers = [threading.Thread(target=speaker.write, args=(level(value, 9_600),)) for value in (1, 2, 3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    heard = cards.heard()
    heard = heard[heard != 0]
    assert (len(heard), np.count_nonzero(np.diff(heard))) == (3 * 9_600, 2)


def test_tasks_have_them_too(cards: VirtualCards) -> None:
    async def main() -> None:
        async with await AsyncSpeaker.open(sample_rate=SECOND, device="satspk", queue_ms=100) as speaker:
            track = speaker.add_track()
            await asyncio.gather(speaker.write(level(1_000)), track.awrite(level(1)))
            waiting = asyncio.create_task(track.awrite(level(1, 60 * SECOND)))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await track.adrain()
            assert not track.is_playing

    asyncio.run(main())
    heard = cards.heard().astype(int)
    assert np.count_nonzero(heard // 1_000) == SECOND
    assert SECOND <= np.count_nonzero(heard % 10) < 3 * SECOND


def test_there_is_an_end_to_how_many_and_what_they_may_be() -> None:
    speaker = Speaker()
    with pytest.raises(RateOutOfRange):
        speaker.add_track(sample_rate=1)
    tracks = [speaker.add_track() for _ in range(32)]
    with pytest.raises(ChannelsOutOfRange, match="32 tracks"):
        speaker.add_track()
    tracks[0].remove()
    speaker.add_track()
