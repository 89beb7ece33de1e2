"""Stand-ins for the models: small, exact, quick."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from satellite.config import CommandConfig, ListeningConfig, ProcessingConfig
from satellite.core.audio import Int16
from satellite.detect.wakeword import HOP_SAMPLES, Scores, WakeModel, WakeWordStatistics
from satellite.dsp.level import rms_dbfs
from satellite.listen.listener import Listener

ALEXA = WakeModel("alexa", Path("alexa.onnx"), "Alexa")
JARVIS = WakeModel("jarvis", Path("jarvis.onnx"), "Hey Jarvis", threshold=0.7)


class ScriptedWords:
    """Wake words whose scores stand in a script: the sample at which a hop ends, to scores by name."""

    def __init__(
        self, script: Mapping[int, Mapping[str, float]], models: tuple[WakeModel, ...] = (ALEXA, JARVIS)
    ) -> None:
        self.models = models
        self._script = script
        self._heard = 0
        self.kept = ""

    def process(self, samples: Int16) -> list[Scores]:
        before, self._heard = self._heard, self._heard + len(samples)
        ends = range((before // HOP_SAMPLES + 1) * HOP_SAMPLES, self._heard + 1, HOP_SAMPLES)
        silent = {model.name: 0.0 for model in self.models}
        return [Scores(end, {**silent, **self._script.get(end, {})}) for end in ends]

    def keep_only(self, name: str) -> None:
        self.kept = name

    def keep_all(self) -> None:
        self.kept = ""

    def statistics(self) -> WakeWordStatistics:
        return WakeWordStatistics(self._heard // HOP_SAMPLES, warm=True)


class LoudIsSpeech:
    """A speech detector for made sounds: what is above -40 dBFS is speech."""

    def process(self, window: Int16) -> float:
        assert window.shape == (512,)
        assert window.dtype == np.int16
        return 0.9 if rms_dbfs(window) > -40 else 0.05

    def reset(self) -> None:
        pass


AS_IT_CAME = ProcessingConfig()


def scripted(
    script: Mapping[int, Mapping[str, float]] | None = None,
    start: int = 0,
    gain_db: float = 0.0,
    processing: ProcessingConfig = AS_IT_CAME,
    **config: float,
) -> Listener:
    """A listener that hears its wake words by script, at any time, and takes loud sound for speech."""
    words, vad, listening = ScriptedWords(script or {}), LoudIsSpeech(), ListeningConfig(gate=False)
    return Listener(
        CommandConfig(**config),
        words,  # type: ignore[arg-type]
        vad,  # type: ignore[arg-type]
        listening=listening,
        gain_db=gain_db,
        processing=processing,
        start=start,
    )
