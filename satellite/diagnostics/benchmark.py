"""`satellite --benchmark`: how much of this machine the listening takes, in some seconds and plain words."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from satellite.app import build
from satellite.config import Config
from satellite.core.audio import RATE_HZ, Frame, Int16, samples_in
from satellite.core.effects import Command, ListenSettings
from satellite.core.errors import SatelliteError
from satellite.detect.clip import bundled_speech
from satellite.detect.wakeword import HOP_SAMPLES
from satellite.diagnostics.machine import machine, memory_mib
from satellite.diagnostics.stages import StageCost, stages
from satellite.listen.listener import Listener

LISTENING_S = 60.0
COMMAND_S = 8.0
COMMAND_HOPS = 25
PERIOD_SAMPLES = samples_in(16)
HOP_MS = HOP_SAMPLES * 1000 / RATE_HZ
# With less to spare, whatever else the board has to do makes the listening late.
LARGEST_HOP_SHARE = 0.6

EXIT_TOO_SLOW = 1
EXIT_COULD_NOT_RUN = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """What some sound took. `share`: of one core. Hops of 80 ms of sound by the clock: median and 95th percentile."""

    audio_s: float
    share: float
    hop_p50_ms: float
    hop_p95_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it. `stages`: each by itself. `too_slow`: one hop in twenty takes more than 60 % of its time."""

    machine: str
    python: str
    wake_words: tuple[str, ...]
    load_s: float
    listening: Cost
    command: Cost
    memory_mib: float
    stages: tuple[StageCost, ...]

    @property
    def too_slow(self) -> bool:
        return max(self.listening.hop_p95_ms, self.command.hop_p95_ms) > LARGEST_HOP_SHARE * HOP_MS


def run(config: Config, *, as_json: bool, listening_s: float = LISTENING_S) -> int:
    """Measure, and say it.

    Returns:
        0: this machine is quick enough; 1: it is not; 2: it could not be measured, and why has been said.
    """
    try:
        figures = measure(config, listening_s)
    except SatelliteError as error:
        print(f"satellite: {error}", file=sys.stderr)
        return EXIT_COULD_NOT_RUN
    if as_json:
        print(json.dumps({**asdict(figures), "too_slow": figures.too_slow}, indent=2))
    else:
        print(page(figures))
    return EXIT_TOO_SLOW if figures.too_slow else 0


def measure(config: Config, listening_s: float = LISTENING_S) -> Figures:
    """Feed the configured listener the bundled clip, over and over, as fast as it takes it.

    Raises:
        ModelError: a model, or the engine it needs, is missing or damaged.
    """
    began_s = time.monotonic()
    listener = build.listener(config)
    load_s = time.monotonic() - began_s
    frames = _frames(bundled_speech())
    listening = _cost(listener, frames, lambda _hop: ListenSettings(), listening_s)
    command = _cost(listener, frames, _always_commanded, min(COMMAND_S, listening_s))
    words = tuple(build.model_name(word) for word in config.wake_word)
    memory = memory_mib()
    return Figures(machine(), platform.python_version(), words, load_s, listening, command, memory, stages(config))


def page(figures: Figures) -> str:
    """The figures for a person."""
    listening, command = figures.listening, figures.command
    return f"""\
Listening for {", ".join(figures.wake_words)}
on {figures.machine}, Python {figures.python}

  waiting for the wake word     {_percent(listening.share)} of one core
  while a command is spoken     {_percent(command.share)} of one core
  80 ms of sound are heard in   {listening.hop_p50_ms:.1f} ms; 95 % of them in {listening.hop_p95_ms:.1f} ms or less
  models loaded in              {figures.load_s:.1f} s
  memory                        {figures.memory_mib:.0f} MiB

{_stages(figures)}

{_verdict(figures)}"""


def _stages(figures: Figures) -> str:
    lines = [f"  {'80 ms of sound, each by itself':<34}takes     may take"]
    for stage in figures.stages:
        over = "  too much" if stage.ms > stage.budget_ms else ""
        lines.append(f"    {stage.name:<30}{stage.ms:5.2f} ms  {stage.budget_ms:5.0f} ms{over}")
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _verdict(figures: Figures) -> str:
    if figures.too_slow:
        return (
            "This machine is too slow for these wake words: sound would be heard late, or be lost.\n"
            "Listen for fewer words, or for one of microWakeWord's (okay_nabu), which take less."
        )
    return f"This machine is quick enough: it hears {1 / figures.listening.share:.0f} times faster than sound comes."


def _frames(clip: Int16) -> Iterator[Frame]:
    """The clip for ever, in periods as a sound card gives them."""
    sound = np.resize(clip, len(clip) // PERIOD_SAMPLES * PERIOD_SAMPLES)
    start = 0
    while True:
        for begin in range(0, len(sound), PERIOD_SAMPLES):
            yield Frame(sound[begin : begin + PERIOD_SAMPLES], start)
            start += PERIOD_SAMPLES


def _always_commanded(hop: int) -> ListenSettings:
    """A new command now and then: in one that is over nobody looks for speech."""
    return ListenSettings(Command(1 + hop // COMMAND_HOPS, None))


def _cost(
    listener: Listener, frames: Iterator[Frame], settings: Callable[[int], ListenSettings], audio_s: float
) -> Cost:
    hops_ms = []
    cpu_s = time.process_time()
    for hop in range(round(audio_s * RATE_HZ / HOP_SAMPLES)):
        wanted = settings(hop)
        began_s = time.perf_counter()
        for _ in range(HOP_SAMPLES // PERIOD_SAMPLES):
            listener.feed(next(frames), wanted, playing=False)
        hops_ms.append((time.perf_counter() - began_s) * 1000)
    share = (time.process_time() - cpu_s) / (len(hops_ms) * HOP_MS / 1000)
    return Cost(audio_s, share, *(float(np.percentile(hops_ms, rank)) for rank in (50, 95)))
