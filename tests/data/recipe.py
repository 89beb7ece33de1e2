"""Makes the test clips and the demonstration's clip with espeak-ng and numpy; nothing of them is recorded.

Run by scripts/make-test-audio. The clips are in the repository: only who wants to change them needs espeak-ng.
"""

from __future__ import annotations

import io
import subprocess
import wave
from pathlib import Path

import numpy as np

from satellite.core.audio import RATE_HZ, Int16, samples_of
from satellite.dsp.resample import Resampler

HERE = Path(__file__).parent
DEMO = HERE.parent.parent / "satellite" / "data" / "demo.wav"

# Name, voice, words per minute, what is said. The wake words are in voices that their models know well.
CLIPS = [
    ("hey_jarvis", "en-us+f2", 170, "hey jarvis"),
    ("alexa", "en-gb+m2", 150, "alexa"),
    ("okay_nabu", "en-us", 160, "okay nabu"),
    ("hey_mycroft", "en-gb", 160, "hey mycroft"),
    ("kitchen_light", "en-us+f2", 165, "turn on the kitchen light"),
    ("what_time", "en-gb", 160, "what time is it"),
    ("timer", "en-gb-x-rp+f2", 160, "set a timer for five minutes"),
    ("open_door", "en-us+m3", 160, "open the door"),
    ("stop", "en-us", 160, "stop"),
]
PEAK = 9_000
ROOM_LSB = 8


def spoken(voice: str, speed: int, text: str) -> Int16:
    """The text, from its first to its last sound, peak at PEAK."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
    said = subprocess.run(command, check=True, capture_output=True).stdout
    # espeak-ng cannot know the length of what it writes to a pipe: the header's is wrong; all that follows is meant.
    with wave.open(io.BytesIO(said)) as clip:
        rate_hz = clip.getframerate()
    sound = samples_of(said[44 : len(said) - len(said) % 2]).astype(np.float32)
    resampler = Resampler(rate_hz, RATE_HZ)
    sound = np.concatenate([resampler.process(sound), resampler.flush()])
    heard = np.flatnonzero(np.abs(sound) > np.abs(sound).max() / 200)
    sound = sound[heard[0] : heard[-1] + 1]
    scaled: Int16 = np.rint(sound * (PEAK / np.abs(sound).max())).astype(np.int16)
    return scaled


def room(seconds: float, seed: int) -> Int16:
    """Quiet white noise."""
    noise: Int16 = np.rint(np.random.default_rng(seed).normal(0, ROOM_LSB, round(seconds * RATE_HZ))).astype(np.int16)
    return noise


def write(path: Path, sound: Int16) -> None:
    """As a 16 kHz mono WAV file."""
    with wave.open(str(path), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(RATE_HZ)
        clip.writeframes(sound.astype("<i2").tobytes())
    print(f"{path.name}: {len(sound) / RATE_HZ:.2f} s")


def main() -> None:
    """Make all."""
    clips = {name: spoken(voice, speed, text) for name, voice, speed, text in CLIPS}
    for name, sound in clips.items():
        write(HERE / f"{name}.wav", sound)
    pauses = [np.zeros(round(seconds * RATE_HZ), np.int16) for seconds in (1.01, 0.4, 1.6)]
    demo = np.concatenate([pauses[0], clips["hey_jarvis"], pauses[1], clips["kitchen_light"], pauses[2]])
    write(DEMO, demo + room(len(demo) / RATE_HZ, seed=1))


if __name__ == "__main__":
    main()
