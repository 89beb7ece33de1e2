from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from fakes_device import wait_until
from satcard.satcard import VirtualCards
from signals import noise, tone

from satellite.core.errors import ArgumentError, DeviceBusy
from satellite.dsp.level import rms_dbfs
from satellite.library.media import open_input, open_output

SOUND = (np.arange(48_000) % 7_919 + 1).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_a_frame_has_10_ms_at_any_rate(cards: VirtualCards, rate_hz: int) -> None:
    async def main() -> int:
        microphone = await open_input(sample_rate=rate_hz)
        frame = await microphone.read()
        await microphone.stop()
        return len(frame or b"")

    assert asyncio.run(main()) == rate_hz // 100 * 2


def test_without_filter_and_gain_the_sound_is_untouched(make_cards: Callable[..., VirtualCards]) -> None:
    cards = make_cards(mic_rates=(48_000,), mic_channels=(2,))
    cards.say(np.stack([SOUND, -SOUND], axis=1))

    async def main(**options: object) -> bytes:
        microphone = await open_input(input_device="satmic", input_channel_index=1, **options)  # type: ignore[arg-type]
        frames = [await microphone.read() for _ in range(10)]
        await microphone.stop()
        return b"".join(bytes(frame or b"") for frame in frames)

    assert (
        asyncio.run(main(high_pass_filter=False, noise_suppression=False, auto_gain_control=False))
        == (-SOUND[:4_800]).tobytes()
    )


def test_by_default_an_offset_and_rumble_are_taken_away(cards: VirtualCards) -> None:
    cards.say(np.full(16_000, 5_000, np.int16))

    async def main() -> np.ndarray:
        microphone = await open_input(input_device="satmic", sample_rate=16_000)
        frames = [await microphone.read() for _ in range(20)]
        await microphone.stop()
        return np.frombuffer(b"".join(bytes(frame or b"") for frame in frames), "<i2")

    assert np.abs(asyncio.run(main())).max() <= 1


def heard(frames: int, **options: bool) -> np.ndarray:
    async def main() -> bytes:
        microphone = await open_input(input_device="satmic", sample_rate=16_000, **options)  # type: ignore[arg-type]
        found = [await microphone.read() for _ in range(frames)]
        await microphone.stop()
        return b"".join(bytes(frame or b"") for frame in found)

    return np.frombuffer(asyncio.run(main()), "<i2")


def test_by_default_a_quiet_voice_is_made_louder(cards: VirtualCards) -> None:
    cards.say(np.concatenate([noise(0.5, -80), tone(300, 3, -30)]))
    sound = heard(320, noise_suppression=False)
    assert rms_dbfs(sound[40_000:48_000]) > -22


def test_by_default_noise_is_suppressed_where_that_is_installed(cards: VirtualCards) -> None:
    pytest.importorskip("pywebrtc_audio")
    cards.say(noise(3, -50))
    sound = heard(200, auto_gain_control=False)
    assert rms_dbfs(sound[16_000:32_000]) < -57


def test_what_cannot_be_done_at_a_rate_is_off_by_default_and_refused_when_asked_for(cards: VirtualCards) -> None:
    async def main(**options: object) -> tuple[bool, object]:
        microphone = await open_input(input_device="satmic", sample_rate=96_000, **options)  # type: ignore[arg-type]
        await microphone.stop()
        return microphone.settings.aec, microphone.settings.noise_suppression

    assert asyncio.run(main()) == (False, False)
    for wish in ("echo_cancellation", "noise_suppression"):
        with pytest.raises(ArgumentError):
            asyncio.run(main(**{wish: True}))


def test_too_many_frames_are_dropped_and_counted(cards: VirtualCards) -> None:
    async def main() -> tuple[int, int]:
        microphone = await open_input(queue_capacity=5)
        await asyncio.to_thread(wait_until, lambda: microphone.statistics().chunks >= 20)
        counts = microphone.statistics()
        await microphone.stop()
        return counts.waiting_chunks, counts.chunks - counts.dropped_chunks

    assert asyncio.run(main()) == (5, 5)


def test_what_is_written_to_an_output_is_heard(cards: VirtualCards) -> None:
    async def main() -> None:
        microphone = await open_input(input_device="satmic", echo_cancellation=False)
        # It cancels nothing, and the speaker does not mind.
        speaker = await open_output(output_device="satspk", heard_by=microphone)
        await microphone.stop()
        await speaker.write(SOUND[:9_600])
        await speaker.drain()
        await speaker.stop()

    asyncio.run(main())
    heard = cards.heard()
    assert np.array_equal(heard[heard != 0], SOUND[:9_600])


def test_what_cannot_be_opened_is_told(cards: VirtualCards) -> None:
    cards.openerr("mic", 16)
    with pytest.raises(DeviceBusy):
        asyncio.run(open_input(input_device="satmic"))
    with pytest.raises(ArgumentError):
        asyncio.run(open_input(queue_capacity=0))
