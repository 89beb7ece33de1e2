"""The library beside decibri and sounddevice: import, memory, CPU for speech detection, latency of a chunk.

    scripts/benchmark library [--runs N] [--seconds S] [--write] [--tiny]

Every figure comes from a process of its own, ours and the others' in turns. Sound for speech detection is made speech
from memory; the latency is measured on the virtual sound card, which knows when each sample was captured. decibri
brings an ALSA library of its own that loads no plugins, and so cannot open that card, nor any system plugin;
sounddevice is left out where the Debian package libportaudio2 is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from report import conditions, installed, median, publish, quantile, table

RATE_HZ = 16_000
CHUNK = 320
Cost = dict[str, float]

# --- in a process of its own ------------------------------------------------------------------------------------------


def memory_mib() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def speech(seconds: float) -> Any:
    """The test clips with pauses between them, again and again."""
    import wave

    import numpy as np

    parts = []
    for path in sorted((ROOT / "tests" / "data").glob("*.wav")):
        with wave.open(str(path)) as clip:
            parts += [np.frombuffer(clip.readframes(clip.getnframes()), "<i2"), np.zeros(RATE_HZ, np.int16)]
    once = np.concatenate(parts)
    return np.resize(once, round(seconds * RATE_HZ))


def imported(what: str) -> Cost:
    """CPU and memory of an import."""
    programs: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "numpy": lambda: __import__("numpy"),
        "satellite": lambda: __import__("satellite"),
        "satellite Microphone": lambda: __import__("satellite").Microphone,
        "decibri": lambda: __import__("decibri").Microphone,
        "sounddevice": lambda: __import__("sounddevice"),
    }
    before_s = time.process_time()
    programs[what]()
    return {"cpu_ms": (time.process_time() - before_s) * 1000, "mib": memory_mib()}


def judged(what: str, seconds: float) -> Cost:
    """CPU for a second of sound in chunks of 100 ms, and memory with all that it takes."""
    package, _, vad = what.partition(" ")
    mode: Any = vad or False
    sound = speech(seconds)
    if package == "satellite":
        from satellite import File

        file: Any = File.buffer(sound, RATE_HZ, vad=mode)
    else:
        import decibri

        if mode == "energy":
            mode = decibri.Vad("energy")
        file = decibri.File.buffer(sound.astype("f4") / 32768, input_rate=RATE_HZ, vad=mode)
    file.read()
    before_s, heard, chunks = time.process_time(), 0, 0
    for chunk in file.iter_with_metadata():
        heard += chunk.is_speaking
        chunks += 1
    return {"cpu_ms": (time.process_time() - before_s) * 1000 / seconds, "mib": memory_mib(), "speech": heard / chunks}


def arrivals_satellite(count: int) -> list[float]:
    from satellite import Microphone

    with Microphone(frames_per_buffer=CHUNK, device="satmic") as mic:
        return [time.monotonic() for _ in range(count) if mic.read()]


def arrivals_async(count: int) -> list[float]:
    import asyncio

    from satellite import AsyncMicrophone

    async def main() -> list[float]:
        async with await AsyncMicrophone.open(frames_per_buffer=CHUNK, device="satmic") as mic:
            return [time.monotonic() for _ in range(count) if await mic.read()]

    return asyncio.run(main())


def arrivals_sounddevice(count: int) -> list[float]:
    import sounddevice

    options: Any = {"samplerate": RATE_HZ, "channels": 1, "dtype": "int16", "blocksize": CHUNK, "latency": "low"}
    with sounddevice.RawInputStream(device="satmic", **options) as stream:
        return [time.monotonic() for _ in range(count) if stream.read(CHUNK)]


ARRIVALS = {
    "satellite": arrivals_satellite,
    "satellite, asyncio": arrivals_async,
    "sounddevice": arrivals_sounddevice,
}


def latency(what: str, seconds: float) -> Cost:
    """From the capture of a chunk's last sample to the chunk in the program's hands; and CPU for a second of it."""
    from satcard.satcard import VirtualCards

    cards = VirtualCards(Path(tempfile.mkdtemp(prefix="satellite-benchmark-")))
    os.environ.update(cards.env())
    ARRIVALS[what](1)
    before, before_s = len(starts(cards)), time.process_time()
    arrivals = ARRIVALS[what](round(seconds * RATE_HZ / CHUNK))
    cpu_s = time.process_time() - before_s
    # After an overrun, which the others have on a busy machine, capture starts anew: what comes then is not counted.
    began_s, *again = starts(cards)[before:]
    counted = [at for at in arrivals if not again or at < again[0]]
    late_ms = [(at - began_s - (index + 1) * CHUNK / RATE_HZ) * 1000 for index, at in enumerate(counted)]
    return {
        "median_ms": median(late_ms),
        "p95_ms": quantile(late_ms, 0.95),
        "cpu_ms": cpu_s * 1000 / seconds,
        "overruns": len(again),
    }


def starts(cards: Any) -> list[float]:
    """When the virtual card began to capture, each time."""
    return [float(event[0]) for event in cards.events("mic") if event[3] == "start"]


# --- all of them ------------------------------------------------------------------------------------------------------


def measured(runs: int, kind: str, whats: Sequence[str], seconds: float) -> dict[str, Cost]:
    """The median of each figure over so many runs, in turns."""
    found: dict[str, list[Cost]] = {what: [] for what in whats}
    for _ in range(runs):
        for what in whats:
            command = [sys.executable, __file__, "--measure", kind, what, str(seconds)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[what].append(json.loads(done.stdout))
    return {what: {key: median([cost[key] for cost in costs]) for key in costs[0]} for what, costs in found.items()}


def is_there(name: str) -> bool:
    package = name.partition(" ")[0]
    if package == "sounddevice" and not find_library("portaudio"):
        return False
    return package not in ("decibri", "sounddevice") or bool(installed(package))


def present(names: Sequence[str]) -> list[str]:
    return [name for name in names if is_there(name)]


def statement(name: str) -> str:
    package, _, thing = name.partition(" ")
    return f"from {package} import {thing}" if thing else f"import {package}"


def page(runs: int, seconds: float) -> str:
    imports = measured(
        runs,
        "imported",
        present(["nothing", "numpy", "satellite", "satellite Microphone", "decibri", "sounddevice"]),
        0,
    )
    vads = ["satellite", "satellite energy", "satellite silero", "decibri", "decibri energy", "decibri silero"]
    costs = measured(runs, "judged", present(vads), seconds)
    lates = measured(runs, "latency", present(list(ARRIVALS)), min(seconds, 10))
    bare = imports["nothing"]["mib"]
    return "\n\n".join(
        [
            conditions("numpy", "onnxruntime", "decibri", "sounddevice"),
            table(
                ["after", "CPU, ms", "memory, MiB"],
                [
                    [
                        f"`{statement(name)}`",
                        f"{cost['cpu_ms']:.0f}",
                        f"{cost['mib']:.0f} ({round(cost['mib'] - bare):+d})",
                    ]
                    for name, cost in imports.items()
                    if name != "nothing"
                ],
            ),
            table(
                [
                    "a recording in chunks of 100 ms, speech by",
                    "CPU for a second of it, ms",
                    "memory, MiB",
                    "speech in",
                ],
                [
                    [
                        name if " " in name else f"{name}, none",
                        f"{cost['cpu_ms']:.2f}",
                        f"{cost['mib']:.0f}",
                        f"{cost['speech']:.0%}" if " " in name else "",
                    ]
                    for name, cost in costs.items()
                ],
            ),
            table(
                [
                    "20 ms from the virtual card",
                    "late by, median, ms",
                    "p95, ms",
                    "overruns",
                    "CPU for a second of it, ms",
                ],
                [
                    [
                        name,
                        f"{cost['median_ms']:.1f}",
                        f"{cost['p95_ms']:.1f}",
                        f"{cost['overruns']:.0f}",
                        f"{cost['cpu_ms']:.1f}",
                    ]
                    for name, cost in lates.items()
                ],
            ),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="of each, the median counts")
    parser.add_argument("--seconds", type=float, default=60, help="of speech to be judged")
    parser.add_argument("--write", action="store_true", help="put the result into docs/performance.md")
    parser.add_argument("--tiny", action="store_true", help="one short run, to see that it works")
    parser.add_argument("--measure", nargs=3, metavar=("KIND", "WHAT", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        kind, what, seconds = options.measure
        kinds: dict[str, Callable[[], Cost]] = {
            "imported": lambda: imported(what),
            "judged": lambda: judged(what, float(seconds)),
            "latency": lambda: latency(what, float(seconds)),
        }
        print(json.dumps(kinds[kind]()))
        return
    runs, seconds = (1, 2.0) if options.tiny else (options.runs, options.seconds)
    publish("library", page(runs, seconds), write=options.write)


if __name__ == "__main__":
    main()
