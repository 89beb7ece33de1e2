"""A microphone and a speaker as a call has them: 48 kHz, frames of 10 ms, asyncio, one without the other's echo."""

from __future__ import annotations

from satellite.dsp import speex, webrtc
from satellite.library.async_microphone import AsyncMicrophone
from satellite.library.async_speaker import AsyncSpeaker
from satellite.library.settings import HIGHEST_AEC_HZ, LOWEST_AEC_HZ

_HIGH_PASS_HZ = 80.0


async def open_input(
    *,
    sample_rate: int = 48_000,
    num_channels: int = 1,
    input_device: int | str | None = None,
    input_channel_index: int | None = None,
    echo_cancellation: bool | None = None,
    high_pass_filter: bool = True,
    noise_suppression: bool | None = None,
    gain_db: float = 0.0,
    auto_gain_control: bool = True,
    queue_capacity: int = 50,
) -> AsyncMicrophone:
    """A running microphone with frames of 10 ms, of 16-bit samples; close it with `await stop()`.

    Args:
        sample_rate: of the frames, 6,400 to 384,000 Hz.
        num_channels: of the frames.
        input_device: as `Microphone(device=)`.
        input_channel_index: hear only this channel of the device, from 0.
        echo_cancellation: take out what `open_output(heard_by=)` plays. None: for one channel at 8,000 to 48,000 Hz,
            where SpeexDSP is installed.
        high_pass_filter: take away what is below 80 Hz.
        noise_suppression: press down what is no voice by up to 12 dB. None: at 16, 32 and 48 kHz, where the extra
            [webrtc] is installed.
        gain_db: louder or quieter, -40 to 40.
        auto_gain_control: follow the voice slowly, to -18 dBFS, never above -1 dBFS; 20 ms later.
        queue_capacity: how many frames may wait to be read; then the oldest are dropped and counted.

    Raises:
        ArgumentError: something is out of range.
        EngineMissing: something is asked for that is not installed.
        DeviceError: the microphone does not open.
    """
    if echo_cancellation is None:
        echo_cancellation = num_channels == 1 and LOWEST_AEC_HZ <= sample_rate <= HIGHEST_AEC_HZ and not speex.missing()
    if noise_suppression is None:
        noise_suppression = sample_rate in webrtc.DELAYS and not webrtc.missing()
    microphone = AsyncMicrophone(
        sample_rate=sample_rate,
        channels=num_channels,
        frames_per_buffer=sample_rate // 100,
        device=input_device,
        channel=input_channel_index,
        aec=echo_cancellation,
        highpass_hz=_HIGH_PASS_HZ if high_pass_filter else None,
        noise_suppression="medium" if noise_suppression else False,
        gain_db=gain_db,
        agc="slow" if auto_gain_control else False,
        queue_chunks=queue_capacity,
    )
    await microphone.start()
    return microphone


async def open_output(
    *,
    sample_rate: int = 48_000,
    num_channels: int = 1,
    output_device: int | str | None = None,
    heard_by: AsyncMicrophone | None = None,
    buffer_ms: float = 100,
) -> AsyncSpeaker:
    """A running speaker for 16-bit samples; close it with `await stop()`.

    Args:
        sample_rate: of what is written, 1,000 to 384,000 Hz.
        num_channels: of what is written.
        output_device: as `Speaker(device=)`.
        buffer_ms: as `Speaker(buffer_ms=)`.
        heard_by: an open_input() in the same room; when it cancels echoes, it takes out what is played here.

    Raises:
        ArgumentError: something is out of range.
        DeviceError: the speaker does not open.
    """
    microphone = heard_by if heard_by and heard_by.settings.aec else None
    speaker = AsyncSpeaker(
        sample_rate=sample_rate,
        channels=num_channels,
        device=output_device,
        buffer_ms=buffer_ms,
        heard_by=microphone,
    )
    await speaker.start()
    return speaker
