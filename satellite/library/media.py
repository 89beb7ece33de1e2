"""A microphone and a speaker as a call has them: 48 kHz, frames of 10 ms, asyncio."""

from __future__ import annotations

from satellite.library.async_microphone import AsyncMicrophone
from satellite.library.async_speaker import AsyncSpeaker

_HIGH_PASS_HZ = 80.0


async def open_input(
    *,
    sample_rate: int = 48_000,
    num_channels: int = 1,
    input_device: int | str | None = None,
    input_channel_index: int | None = None,
    high_pass_filter: bool = True,
    noise_suppression: bool = False,
    gain_db: float = 0.0,
    auto_gain_control: bool = True,
    queue_capacity: int = 50,
) -> AsyncMicrophone:
    """A running microphone with frames of 10 ms, of 16-bit samples; close it with `await stop()`.

    There is no echo cancellation here.

    Args:
        sample_rate: of the frames, 6,400 to 384,000 Hz.
        num_channels: of the frames.
        input_device: as `Microphone(device=)`.
        input_channel_index: hear only this channel of the device, from 0.
        high_pass_filter: take away what is below 80 Hz.
        noise_suppression: press down what is no voice by up to 12 dB; needs the extra [webrtc].
        gain_db: louder or quieter, -40 to 40.
        auto_gain_control: follow the voice slowly, to -18 dBFS, never above -1 dBFS; 20 ms later.
        queue_capacity: how many frames may wait to be read; then the oldest are dropped and counted.

    Raises:
        ArgumentError: something is out of range.
        DeviceError: the microphone does not open.
    """
    microphone = AsyncMicrophone(
        sample_rate=sample_rate,
        channels=num_channels,
        frames_per_buffer=sample_rate // 100,
        device=input_device,
        channel=input_channel_index,
        highpass_hz=_HIGH_PASS_HZ if high_pass_filter else None,
        noise_suppression="medium" if noise_suppression else False,
        gain_db=gain_db,
        agc="slow" if auto_gain_control else False,
        queue_chunks=queue_capacity,
    )
    await microphone.start()
    return microphone


async def open_output(
    *, sample_rate: int = 48_000, num_channels: int = 1, output_device: int | str | None = None
) -> AsyncSpeaker:
    """A running speaker for 16-bit samples; close it with `await stop()`.

    Args:
        sample_rate: of what is written, 1,000 to 384,000 Hz.
        num_channels: of what is written.
        output_device: as `Speaker(device=)`.

    Raises:
        ArgumentError: something is out of range.
        DeviceError: the speaker does not open.
    """
    speaker = AsyncSpeaker(sample_rate=sample_rate, channels=num_channels, device=output_device)
    await speaker.start()
    return speaker
