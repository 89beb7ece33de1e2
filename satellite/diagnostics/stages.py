"""What each stage of the listening takes, and what it may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from satellite.app import build
from satellite.config import Config
from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.detect.clip import bundled_speech
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.detect.wakeword import HOP_SAMPLES
from satellite.dsp import speex
from satellite.dsp.convert import Converter
from satellite.dsp.processing import Processing
from satellite.listen.gate import Gate

# Of 80 ms. Together they are the 48 ms above which work is given up.
BUDGETS_MS = {
    "conversion": 2.0,
    "echo canceller": 10.0,
    "gate": 1.0,
    "wake words": 25.0,
    "speech": 5.0,
    "processing": 5.0,
}
# Hops that are heard before, and those that count.
_SETTLING, _COUNTED = 20, 100
# A card at another rate than ours.
_CARD = AudioFormat(48_000, 2, 2)


@dataclass(frozen=True, slots=True)
class StageCost:
    """`ms`: CPU for 80 ms of sound, where the stage has work to do; `budget_ms`: what it may be."""

    name: str
    ms: float
    budget_ms: float


def stages(config: Config) -> tuple[StageCost, ...]:
    """Each stage that this configuration has, by itself, with speech: the gate open, a command under way.

    Raises:
        ModelError: a model, or the engine it needs, is missing or damaged.
    """
    sound = np.resize(bundled_speech(), (_SETTLING + _COUNTED) * HOP_SAMPLES)
    return tuple(StageCost(name, _ms(work, sound), BUDGETS_MS[name]) for name, work in _works(config))


def _works(config: Config) -> Iterator[tuple[str, Callable[[Int16], object]]]:
    """What each does with a hop."""
    converter = Converter(_CARD, RATE_HZ, 1)
    yield "conversion", lambda hop: converter.process(np.repeat(hop, 6).tobytes())
    if build.echoes(config) and not speex.missing():
        canceller = speex.SpeexCanceller()
        yield "echo canceller", lambda hop: [canceller.process(block, block) for block in hop.reshape(-1, speex.BLOCK)]
    gate = Gate()
    yield "gate", partial(_each_window, lambda window: gate.process(window, 0, frozen=False))
    if config.listening.mode == "local":
        yield "wake words", build.wake_words(config).process
    if config.listening.vad == "silero":
        vad = build.speech_detector(config)
        yield "speech", partial(_each_window, vad.process)
    processing = Processing(config.processing, gain_db=config.microphone.gain_db)
    yield "processing", lambda hop: processing.process(hop[:, None])


def _each_window(work: Callable[[Int16], object], hop: Int16) -> None:
    """Three windows where there are two and a half: no stage is flattered."""
    for begin in (0, WINDOW_SAMPLES, HOP_SAMPLES - WINDOW_SAMPLES):
        work(hop[begin : begin + WINDOW_SAMPLES])


def _ms(work: Callable[[Int16], object], sound: Int16) -> float:
    hops = sound.reshape(-1, HOP_SAMPLES)
    for hop in hops[:_SETTLING]:
        work(hop)
    began_s = time.thread_time()
    for hop in hops[_SETTLING:]:
        work(hop)
    return (time.thread_time() - began_s) * 1000 / _COUNTED
