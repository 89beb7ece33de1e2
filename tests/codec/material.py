"""Sound in every format, made here by FFmpeg's encoders; the same each time."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import av
import numpy as np
import soundfile

from satellite.codec.wav import wav_header
from satellite.core.audio import AudioFormat, Int16

_BLOCK = 960
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


@dataclass(frozen=True)
class Made:
    """How a piece of material is made, and how like its source it must be.

    Attributes:
        lead: samples that the encoder puts before the sound, where the container cannot say so.
        tail: samples that it may put behind it.
        snr_db: at least so like the source; infinite when nothing may be lost.
    """

    container: str
    codec: str
    rate_hz: int
    channels: int = 1
    bit_rate: int | None = None
    lead: int = 0
    tail: int = 0
    snr_db: float = 20.0
    container_options: dict[str, str] = field(default_factory=dict, hash=False)


MADE = {
    "mp3": Made("mp3", "libmp3lame", 22_050, bit_rate=64_000),
    "mp3 stereo": Made("mp3", "libmp3lame", 44_100, 2, bit_rate=128_000),
    "aac": Made("adts", "aac", 44_100, bit_rate=128_000, lead=1024, tail=1024),
    # One of the channels is for the bass and loses all else.
    "aac, 6 channels": Made("adts", "aac", 44_100, 6, bit_rate=500_000, lead=1024, tail=1024, snr_db=7),
    "aac, 8 channels": Made("mp4", "aac", 44_100, 8, bit_rate=700_000, tail=1024, snr_db=7),
    "flac": Made("flac", "flac", 22_050, snr_db=np.inf),
    "flac stereo": Made("flac", "flac", 48_000, 2, snr_db=np.inf),
    "opus": Made("ogg", "libopus", 48_000, bit_rate=64_000),
    "flac in ogg": Made("ogg", "flac", 16_000, snr_db=np.inf),
    "vorbis": Made("ogg", "vorbis", 48_000, 2),
    "webm": Made("webm", "libopus", 48_000, bit_rate=64_000),
    "mp4": Made("mp4", "aac", 44_100, bit_rate=128_000, tail=1024),
    "mp4, index first": Made(
        "mp4", "aac", 44_100, bit_rate=128_000, tail=1024, container_options={"movflags": "faststart"}
    ),
    "mp4 in pieces": Made(
        "mp4",
        "aac",
        44_100,
        bit_rate=128_000,
        lead=1024,
        tail=1024,
        container_options={"movflags": "frag_keyframe+empty_moov"},
    ),
    "alac": Made("ipod", "alac", 44_100, snr_db=np.inf),
    "wav": Made("wav", "pcm_s16le", 22_050, snr_db=np.inf),
}


def tune(rate_hz: int, seconds: float, channels: int = 1) -> Int16:
    """Some gliding tones; int16, shape (n,) or (n, channels), each channel another."""
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    sound = [
        0.3 * np.sin(2 * np.pi * (220 * (n + 1) * time_s + 8 * np.sin(2 * np.pi * 1.3 * time_s)))
        + 0.2 * np.sin(2 * np.pi * (1100 + 300 * n) * time_s)
        for n in range(channels)
    ]
    samples: Int16 = np.rint(np.stack(sound, axis=1) * 30_000).astype(np.int16)
    return samples[:, 0] if channels == 1 else samples


@cache
def material(name: str, seconds: float = 1.5) -> bytes:
    """A file's bytes."""
    made = MADE[name]
    samples = tune(made.rate_hz, seconds, made.channels)
    return vorbis(samples, made.rate_hz) if made.codec == "vorbis" else encoded(made, samples)


def source(name: str, seconds: float = 1.5) -> Int16:
    """What `material` was made of, shape (n, channels)."""
    made = MADE[name]
    return tune(made.rate_hz, seconds, made.channels).reshape(-1, made.channels)


def encoded(made: Made, samples: Int16) -> bytes:
    """A file's bytes."""
    # An index is moved to the front only where the muxer can open the file a second time.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        with av.open(str(path), "w", format=made.container, container_options=made.container_options) as container:
            layout = _LAYOUTS[made.channels]
            stream = container.add_stream(made.codec, rate=made.rate_hz, layout=layout)
            if made.bit_rate:
                stream.bit_rate = made.bit_rate
            for start in range(0, len(samples), _BLOCK):
                block = np.ascontiguousarray(samples[start : start + _BLOCK].reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
                frame.rate, frame.pts = made.rate_hz, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def vorbis(samples: Int16, rate_hz: int) -> bytes:
    """An Ogg file; FFmpeg's own encoder of it is poor."""
    out = io.BytesIO()
    soundfile.write(out, samples, rate_hz, format="OGG", subtype="VORBIS")
    return out.getvalue()


@cache
def film_without_sound() -> bytes:
    """An MP4 with a picture only."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", container_options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def wav(samples: Int16, rate_hz: int, data_bytes: int | None = None) -> bytes:
    """A WAV file; `data_bytes` is the length that its header says."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    form = AudioFormat(rate_hz, channels, 2)
    return wav_header(form, samples.nbytes if data_bytes is None else data_bytes) + samples.tobytes()


def snr_db(heard: Int16, wanted: Int16) -> float:
    """How like two pieces of the same length are."""
    error = np.mean((heard.astype(float) - wanted.astype(float)) ** 2)
    return float(np.inf) if error == 0 else float(10 * np.log10(np.mean(wanted.astype(float) ** 2) / error))
