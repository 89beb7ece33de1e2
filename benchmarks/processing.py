"""What may be done to the sound that is sent: costs and changes. Section Processing of docs/performance.md.

    scripts/benchmark processing [--data FOLDER] [--write] [--tiny]

Every cost comes from a process of its own. What needs the extra [webrtc] is left out where that is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from corpus import DEFAULT, Corpus, Made, clip
from report import conditions, installed, median, publish, table

from satellite.app import build
from satellite.config import Config, ProcessingConfig
from satellite.core.audio import RATE_HZ, Int16
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.diagnostics.machine import memory_mib
from satellite.dsp.processing import Processing

STAGES = {
    "nothing": ProcessingConfig(),
    "`high_pass_hz = 20`": ProcessingConfig(high_pass_hz=20),
    "`limiter = true`": ProcessingConfig(limiter=True),
    '`agc = "slow"`, its limiter with it': ProcessingConfig(agc="slow"),
    "`peak_normalise = true`": ProcessingConfig(peak_normalise=True),
    '`noise_suppression = "medium"`': ProcessingConfig(noise_suppression="medium"),
    '`agc = "webrtc"`': ProcessingConfig(agc="webrtc"),
    "high-pass, noise suppression and slow gain": ProcessingConfig(20, "medium", "slow"),
}
LEVELS = ("low", "medium", "high", "highest")
BEFORE = RATE_HZ * 3 // 2
BLOCK = 256
REPEATS = 5
NOISE_DB = 10.0
OFFSET = 0.05
SILERO = 0.5


def needs_webrtc(config: ProcessingConfig) -> bool:
    return config.noise_suppression != "off" or config.agc == "webrtc"


def possible(config: ProcessingConfig) -> bool:
    return not needs_webrtc(config) or bool(installed("pywebrtc-audio"))


# --- what it costs ----------------------------------------------------------------------------------------------------


def cost(name: str) -> dict[str, float]:
    """CPU for 16 ms while a command is sent, and at its beginning, each the best of some; memory."""
    sound = np.resize(np.concatenate([clip("timer"), clip("stop")]), (10 * RATE_HZ, 1))
    blocks = np.split(sound[: len(sound) // BLOCK * BLOCK], len(sound) // BLOCK)
    Processing(STAGES["nothing"]).begin(sound[:BEFORE], voice=True)
    before_mib = memory_mib()
    processing = Processing(STAGES[name])
    begin_ms = min(_cpu_ms(lambda: processing.begin(sound[:BEFORE], voice=True)) for _ in range(REPEATS))
    sent_ms = min(_cpu_ms(lambda: deque(map(processing.process, blocks), maxlen=0)) for _ in range(REPEATS))
    return {"sent_ms": sent_ms / len(blocks), "begin_ms": begin_ms, "mib": memory_mib() - before_mib}


def _cpu_ms(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) * 1000


def costs() -> str:
    rows = []
    for name in (name for name, config in STAGES.items() if possible(config)):
        command = [sys.executable, __file__, "--measure", name]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append((name, f"{found['sent_ms']:.3f}", f"{found['begin_ms']:.1f}", f"{found['mib']:.1f}"))
    return table(("on", "CPU for 16 ms, ms", "at the beginning, ms", "memory, MiB"), rows)


# --- what it changes --------------------------------------------------------------------------------------------------


def processed(config: ProcessingConfig, sound: Int16) -> Int16:
    """A recording as it would be sent."""
    processing = Processing(config)
    return np.concatenate([processing.process(sound[:, None]), processing.flush()])[:, 0]


def noisy(sound: Int16) -> Int16:
    """White noise NOISE_DB below the recording."""
    noise = np.random.default_rng(7).normal(0, 1, len(sound)) * rms(sound) / 10 ** (NOISE_DB / 20)
    return clipped(sound + noise)


def offset(sound: Int16) -> Int16:
    """A microphone's offset."""
    return clipped(sound + OFFSET * 32768)


def clipped(sound: npt.NDArray[np.float64]) -> Int16:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def rms(sound: npt.NDArray[np.generic]) -> float:
    return float(np.sqrt(np.mean(np.square(sound.astype(np.float64))))) + 1e-9


def over_the_rest_db(heard: Int16, clean: Int16) -> float:
    """How much louder the clean recording is in what is heard than all else in it (SI-SDR)."""
    one, other = heard.astype(np.float64), clean.astype(np.float64)
    voice = other * (one @ other) / (other @ other)
    return float(20 * np.log10(rms(voice) / rms(one - voice)))


def windows(sound: Int16) -> npt.NDArray[np.bool_]:
    """Which of Silero's windows are speech."""
    vad = build.speech_detector(Config())
    scores = [vad.process(window) for window in sound[: len(sound) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, 512)]
    return np.array(scores) >= SILERO


def high_pass(sounds: Sequence[Int16]) -> str:
    """What the high-pass changes in good recordings, and what it mends in one with an offset."""
    passed = partial(processed, ProcessingConfig(high_pass_hz=20))
    rows = []
    for name, change in {
        "high-pass": passed,
        "an offset of 5 % of full scale": offset,
        "the same behind the high-pass": lambda sound: passed(offset(sound)),
    }.items():
        changed = [change(sound) for sound in sounds]
        level_db = median([20 * np.log10(rms(one) / rms(sound)) for one, sound in zip(changed, sounds, strict=True)])
        other = [100 * np.mean(windows(one) != windows(sound)) for one, sound in zip(changed, sounds, strict=True)]
        rows.append((name, f"{level_db:+.2f}", f"{median(other):.1f}", f"{max(other):.1f}"))
    head = ("level, dB", "Silero's windows changed, median, %", "most, %")
    return table((f"{len(sounds)} recordings", *head), rows)


def noise_suppression(sounds: Sequence[Int16]) -> str:
    """How far the voice is over the noise, and how much of the voice is left."""
    rows = []
    for level in ("off", *LEVELS):
        config = ProcessingConfig(noise_suppression=level)
        heard = [over_the_rest_db(processed(config, noisy(sound)), sound) for sound in sounds]
        bent = [over_the_rest_db(processed(config, sound), sound) for sound in sounds]
        rows.append((level, f"{median(heard):.1f}", "" if level == "off" else f"{median(bent):.0f}"))
    head = (f"voice over the rest, noise at {NOISE_DB:.0f} dB, dB", "the same of a clean recording, dB")
    return table(("`noise_suppression`", *head), rows)


def page(sounds: Sequence[Int16]) -> str:
    parts = [conditions("numpy", "onnxruntime", "pywebrtc-audio"), costs(), high_pass(sounds)]
    if installed("pywebrtc-audio"):
        parts.append(noise_suppression(sounds))
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of recordings (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also into docs/performance.md")
    parser.add_argument("--tiny", action="store_true", help="with the clips of the tests, to see that it works")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(cost(given.measure)))
        return
    others = Made().others() if given.tiny else Corpus(given.data).others()
    sounds = [sound for file, sound in others if given.tiny or file.startswith("speech/")]
    publish("processing", page(sounds), write=given.write)


if __name__ == "__main__":
    main()
