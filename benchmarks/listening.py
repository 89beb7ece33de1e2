"""What listening costs, and what it hears: the tables of docs/performance.md, section Listening.

    python benchmarks/listening.py [TABLE...] [--data FOLDER]

Tables: cost, scores, gate, rest, vad; none: all, in some minutes. All figures are CPU time of one thread, and what is
compared runs in the same process in turns. The recordings of --data are not part of this project: a folder with
manifest.tsv (file, kind, wake_word), vad_truth.tsv (file, start_s, end_s) and FLAC files, 16 kHz mono.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from satellite import models
from satellite.config import CommandConfig, ListeningConfig
from satellite.core.audio import RATE_HZ, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.events import WakeDetected
from satellite.detect import derived
from satellite.detect.vad import WINDOW_SAMPLES, Silero
from satellite.detect.wakeword import HOP_SAMPLES, WakeModel, WakeWords
from satellite.listen.gate import Gate
from satellite.listen.listener import Listener

WORDS = ("alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy")
FRAME = 256
ROUNDS = 5
BLOCK_HOPS = 60
QUIET_LSB, NOISY_LSB = 10.0, 150.0
FOLDER = models.models_directory()


# --- recordings -------------------------------------------------------------------------------------------------------


class Recordings:
    """The FLAC files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / "manifest.tsv").open(encoding="utf-8") as lines:
            self._rows = list(csv.DictReader(lines, delimiter="\t"))

    def of(self, kind: str, wake_word: str = "") -> list[Int16]:
        """All of a kind: wake, negative, speech, noise, vad."""
        return [
            self.read(row["file"]) for row in self._rows if row["kind"] == kind and row["wake_word"] in ("", wake_word)
        ]

    def noise(self, name: str) -> Int16:
        """The noise whose file has this in its name."""
        return next(self.read(row["file"]) for row in self._rows if row["kind"] == "noise" and name in row["file"])

    def speech_truth(self) -> dict[str, list[tuple[float, float]]]:
        """Where speech is, in seconds, by file."""
        truth: dict[str, list[tuple[float, float]]] = {}
        with (self._folder / "vad_truth.tsv").open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                truth.setdefault(row["file"], []).append((float(row["start_s"]), float(row["end_s"])))
        return truth

    @cache  # noqa: B019 - there is one, as long as the program runs
    def read(self, file: str) -> Int16:
        """The sound of a file."""
        import soundfile

        samples, rate_hz = soundfile.read(self._folder / file, dtype="int16")
        if rate_hz != RATE_HZ:
            raise SystemExit(f"{file} has {rate_hz} Hz")
        return samples


def white(rng: np.random.Generator, count: int, lsb: float) -> Int16:
    return np.rint(rng.normal(0, lsb, count)).astype(np.int16)


def pink(rng: np.random.Generator, count: int, lsb: float) -> Int16:
    """Noise with equal power in each octave."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    sound = np.fft.irfft(spectrum, count)
    return np.rint(sound * lsb / np.sqrt(np.mean(sound**2))).astype(np.int16)


def active_rms(sound: Int16) -> float:
    """RMS of the parts within 25 dB of the loudest 20 ms."""
    powers = (sound[: len(sound) // 320 * 320].astype(np.float64).reshape(-1, 320) ** 2).mean(axis=1)
    return float(np.sqrt(powers[powers > powers.max() / 10**2.5].mean()))


# --- tables -----------------------------------------------------------------------------------------------------------


def say(*cells: object) -> None:
    print(
        "| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |", flush=True
    )


def head(title: str, *cells: str) -> None:
    print(f"\n{title}\n")
    say(*cells)
    say(*["---"] * len(cells))


def wake_words(names: Sequence[str], *, whole: bool = False) -> WakeWords:
    """Our engine, incremental or on the published embedding."""
    embedding = models.find("embedding", FOLDER) if whole else derived.embedding(FOLDER)
    found = [WakeModel(name, models.find(name, FOLDER), name) for name in names]
    return WakeWords(found, models.find("melspectrogram", FOLDER), embedding)


def package(names: Sequence[str]) -> Any:
    """The openwakeword package on the same files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openwakeword.model import Model

        return Model(
            wakeword_models=[str(models.find(name, FOLDER)) for name in names],
            inference_framework="onnx",
            melspec_model_path=str(models.find("melspectrogram", FOLDER)),
            embedding_model_path=str(models.find("embedding", FOLDER)),
        )


def hops(sound: Int16) -> list[Int16]:
    return [sound[at : at + HOP_SAMPLES] for at in range(0, len(sound) - HOP_SAMPLES + 1, HOP_SAMPLES)]


def cost(recordings: Recordings) -> None:
    """The hop of 80 ms, best of some rounds, each some seconds of every contestant in turn."""
    sound = hops(np.concatenate(recordings.of("negative"))[: 120 * RATE_HZ])
    contestants: dict[str, Callable[[Int16], object]] = {
        f"openwakeword package, {count} words": package(WORDS[:count]).predict for count in (1, 4)
    }
    for count in (1, 2, 3, 4):
        contestants[f"ours, {count} words"] = wake_words(WORDS[:count]).process
    contestants["ours, 1 word, embedding as published"] = wake_words(WORDS[:1], whole=True).process
    best = dict.fromkeys(contestants, np.inf)
    for block in range(ROUNDS * len(sound) // BLOCK_HOPS):
        part = [sound[hop % len(sound)] for hop in range(block * BLOCK_HOPS, (block + 1) * BLOCK_HOPS)]
        for name, hear in contestants.items():
            began_s = time.thread_time()
            for hop in part:
                hear(hop)
            best[name] = min(best[name], (time.thread_time() - began_s) / len(part) * 1000)
    one = best["openwakeword package, 1 words"]
    head("Wake words: CPU for each 80 ms", "engine", "ms", "package / it")
    for name, took_ms in best.items():
        say(name.replace("1 words", "1 word"), took_ms, round(one / took_ms, 2))


def scores(recordings: Recordings) -> None:
    """The largest difference of any score from the package's, over everything."""
    furthest = heard = 0.0
    for sound in streams(recordings):
        ours, theirs = wake_words(WORDS), package(WORDS)
        for hop in hops(sound):
            given, expected = ours.process(hop), theirs.predict(hop)
            heard += 1
            for score in given:
                furthest = max(furthest, *(abs(score.by_name[name] - float(expected[name])) for name in WORDS))
    head("Wake words: scores against the openwakeword package", "hops", "words", "largest difference")
    say(int(heard), len(WORDS), f"{furthest:.1e}")


def streams(recordings: Recordings) -> Iterator[Int16]:
    """All recordings, joined to streams of five minutes."""
    clips = [clip for word in WORDS for clip in recordings.of("wake", word)]
    clips += [clip for kind in ("negative", "speech", "noise", "vad") for clip in recordings.of(kind)]
    sound = np.concatenate(clips)
    for begin in range(0, len(sound), 300 * RATE_HZ):
        yield sound[begin : begin + 300 * RATE_HZ]


def listener(sensitivity_gate: bool, names: Sequence[str] = WORDS[:1]) -> Listener:
    return Listener(CommandConfig(), wake_words(names), None, listening=ListeningConfig(gate=sensitivity_gate))


def heard_at(sound: Int16, how: ListenSettings, *, gate: bool) -> tuple[list[int], float]:
    """Where it woke up, and how much of the sound the wake words rested in, 0 to 1."""
    ears, wakes = listener(gate), []
    for at, hop in enumerate(hops(sound)):
        events = ears.feed(Frame(hop, at * HOP_SAMPLES), how, playing=False)
        wakes += [event.at for event in events if isinstance(event, WakeDetected)]
    return wakes, ears.statistics().rested_s * RATE_HZ / len(sound)


def gate(recordings: Recordings) -> None:
    """Whether anybody who was heard without the gate is not heard with it."""
    clips = recordings.of("wake", "alexa")
    rooms: dict[str, Int16 | None] = {
        "10 LSB white": None,
        "pink": recordings.noise("pink"),
        "dishes": recordings.noise("dishes"),
        "white": recordings.noise("white"),
    }
    head(
        f"Gate: {len(clips)} alexa clips, 4 s of the room before each",
        *("room", "SNR", "voice", "heard, no gate", "high", "normal", "low", "lost by normal", "80 ms or more late"),
        "rested (normal)",
    )
    for room, noise in rooms.items():
        for snr_db in (20, 10, 5, 0) if noise is not None else (99,):
            for voice_db in (0, -20):
                row(room, noise, snr_db, voice_db, clips)


def row(room: str, noise: Int16 | None, snr_db: int, voice_db: int, clips: Sequence[Int16]) -> None:
    """One line of the gate's table."""
    sound, begins, ends = stream(clips, noise, snr_db, voice_db)
    found: dict[str, list[int | None]] = {}
    for name in ("no gate", "high", "normal", "low"):
        how = ListenSettings(sensitivity="normal" if name == "no gate" else name, thresholds={"alexa": 0.5})
        wakes, rested = heard_at(sound, how, gate=name != "no gate")
        if name == "normal":
            normal_rested = rested
        found[name] = [
            next((at for at in wakes if begin <= at <= end), None) for begin, end in zip(begins, ends, strict=True)
        ]
    pairs = list(zip(found["no gate"], found["normal"], strict=True))
    lost = sum(free is not None and gated is None for free, gated in pairs)
    late = sum(free is not None and gated is not None and gated > free for free, gated in pairs)
    counts = [sum(at is not None for at in hits) for hits in found.values()]
    snr = "-" if noise is None else f"{snr_db} dB"
    say(room, snr, f"{voice_db:+} dB", *counts, lost, late, f"{normal_rested:.0%}")


def stream(
    clips: Sequence[Int16], noise: Int16 | None, snr_db: float, voice_db: float
) -> tuple[Int16, list[int], list[int]]:
    """Clips in a room, with where each may be heard: from its begin to 1.5 s after its end."""
    rng, parts, begins, ends, at = np.random.default_rng(1), [], [], [], 0
    for number, clip in enumerate(clips):
        count, scale = 4 * RATE_HZ + len(clip) + 2 * RATE_HZ, 10 ** (voice_db / 20)
        if noise is None:
            room = rng.normal(0, QUIET_LSB, count)
        else:
            room = np.resize(np.roll(noise, -number * 7919), count).astype(np.float64)
            room *= active_rms(clip) * scale * 10 ** (-snr_db / 20) / np.sqrt(np.mean(room**2))
        room[4 * RATE_HZ : 4 * RATE_HZ + len(clip)] += clip * scale
        parts.append(np.clip(np.rint(room), -32768, 32767).astype(np.int16))
        begins.append(at + 4 * RATE_HZ)
        ends.append(at + 4 * RATE_HZ + len(clip) + round(1.5 * RATE_HZ))
        at += count
    return np.concatenate(parts), begins, ends


def rest(recordings: Recordings) -> None:
    """What a day costs: one clip in each 25 s, else the room alone."""
    clips, rng = recordings.of("wake", "alexa")[:24], np.random.default_rng(2)
    head(
        "Listener.feed, frames of 256 samples, nine tenths silence: CPU for each 80 ms",
        *("room", "gate", "ms", "wake words rested", "clips heard"),
    )
    for name, room in (("quiet (10 LSB white)", white), ("noisy (150 LSB pink)", pink)):
        lsb = QUIET_LSB if room is white else NOISY_LSB
        sound = room(rng, len(clips) * 25 * RATE_HZ, lsb)
        for number, clip in enumerate(clips):
            begin = number * 25 * RATE_HZ + 10 * RATE_HZ
            sound[begin : begin + len(clip)] = np.clip(
                sound[begin : begin + len(clip)] + clip.astype(np.int32), -32768, 32767
            )
        for gated in (False, True):
            took_ms, ears, wakes = feed_cost(sound, gated)
            rested = ears.statistics().rested_s * RATE_HZ / len(sound)
            say(name, "on" if gated else "off", took_ms, f"{rested:.0%}", f"{wakes} of {len(clips)}")


def feed_cost(sound: Int16, gated: bool) -> tuple[float, Listener, int]:
    """CPU in Listener.feed for each 80 ms, best third of the stream's minutes."""
    ears, how, wakes = listener(gated), ListenSettings(), 0
    frames = [Frame(sound[at : at + FRAME], at) for at in range(0, len(sound) - FRAME + 1, FRAME)]
    took_s = []
    for begin in range(0, len(frames), 100 * RATE_HZ // FRAME):
        part = frames[begin : begin + 100 * RATE_HZ // FRAME]
        began_s = time.thread_time()
        for frame in part:
            wakes += len(ears.feed(frame, how, False))
        took_s.append((time.thread_time() - began_s) / (len(part) * FRAME) * HOP_SAMPLES)
    return float(np.median(took_s)) * 1000, ears, wakes


def vad(recordings: Recordings) -> None:
    """Speech detection against the truth, on a grid of 10 ms; what is within 0.1 s of a border does not count."""
    truth = recordings.speech_truth()
    engines: dict[str, Callable[[Int16], np.ndarray]] = {
        "Silero v6.2": lambda sound: by_silero("silero_vad", sound),
        "Silero v5": lambda sound: by_silero("silero_vad_v5", sound),
        "level alone": by_level,
    }
    head(
        "Speech detection",
        *("engine", "built: AUC", "missed", "false", "AMI: AUC", "missed", "false", "CPU ms / 80 ms"),
    )
    for name, hear in engines.items():
        cells: list[object] = []
        took_s = seconds = 0.0
        for meetings in (False, True):
            answers, speech = [], []
            for file, spans in truth.items():
                if ("ami" in file.lower()) != meetings:
                    continue
                sound = recordings.read(file)
                began_s = time.thread_time()
                probabilities = hear(sound)
                took_s += time.thread_time() - began_s
                seconds += len(sound) / RATE_HZ
                counted, is_speech = grid(len(sound), spans)
                answers.append(on_grid(probabilities, len(is_speech))[counted])
                speech.append(is_speech[counted])
            cells += judged(np.concatenate(answers), np.concatenate(speech))
        say(name, *cells, took_s / seconds * 0.08 * 1000)


def by_silero(name: str, sound: Int16) -> np.ndarray:
    """Probability for each window of 32 ms."""
    detector = silero(name)
    detector.reset()
    return np.array([detector.process(window) for window in windows(sound)])


@cache
def silero(name: str) -> Silero:
    return Silero(models.find(name, FOLDER))


def by_level(sound: Int16) -> np.ndarray:
    """The same by the gate's level over its floor: 9 dB are 0.5."""
    ears, heard = Gate(), []
    for number, window in enumerate(windows(sound)):
        ears.process(window, number * WINDOW_SAMPLES, False)
        heard.append(min(1.0, max(0.0, ears.excess_db(number * WINDOW_SAMPLES) / 18)))
    return np.array(heard)


def windows(sound: Int16) -> list[Int16]:
    return [sound[at : at + WINDOW_SAMPLES] for at in range(0, len(sound) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES)]


def grid(count: int, spans: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """For each 10 ms: whether it counts, and whether it is speech."""
    at_s = np.arange(count // 160) * 0.01 + 0.005
    speech, counted = np.zeros(len(at_s), bool), np.ones(len(at_s), bool)
    for begin_s, end_s in spans:
        speech |= (at_s >= begin_s) & (at_s < end_s)
        for border_s in (begin_s, end_s):
            counted &= np.abs(at_s - border_s) > 0.1
    return counted, speech


def on_grid(probabilities: np.ndarray, count: int) -> np.ndarray:
    at = np.minimum((np.arange(count) * 160 + 80) // WINDOW_SAMPLES, len(probabilities) - 1)
    return probabilities[at]


def judged(answers: np.ndarray, speech: np.ndarray) -> list[object]:
    """Area under the curve, missed and false at 0.5."""
    order = np.argsort(answers, kind="stable")
    _, first, counts = np.unique(answers[order], return_index=True, return_counts=True)
    ranks = np.empty(len(answers))
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    yes, no = speech.sum(), (~speech).sum()
    area = (ranks[speech].sum() - yes * (yes + 1) / 2) / (yes * no)
    return [f"{area:.4f}", f"{np.mean(answers[speech] < 0.5):.1%}", f"{np.mean(answers[~speech] >= 0.5):.1%}"]


TABLES: dict[str, Callable[[Recordings], None]] = {
    "cost": cost,
    "scores": scores,
    "gate": gate,
    "rest": rest,
    "vad": vad,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)} (default: all)")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/speech")
    options = parser.parse_args()
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"there is no table {', '.join(sorted(unknown))}")
    if not (options.data / "manifest.tsv").is_file():
        sys.exit(f"there are no recordings in {options.data}")
    recordings = Recordings(options.data)
    for name in options.tables or TABLES:
        TABLES[name](recordings)


if __name__ == "__main__":
    main()
