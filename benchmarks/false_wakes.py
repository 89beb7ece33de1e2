"""What else a wake may be asked for, and what that costs: section False wakes of docs/performance.md.

    scripts/benchmark false_wakes [--data FOLDER] [--write]

The models score each sound once; every confirmation decides about the same scores. Nothing is timed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from corpus import DEFAULT, Corpus, room
from corpus import stream as joined
from listening import FOLDER, active_rms, hops, silero, stream, wake_words
from report import conditions, publish, table

from satellite import models
from satellite.core.audio import RATE_HZ, Int16
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.detect.wakeword import HOP_SAMPLES, Confirmation, Scores, WakeModel
from satellite.listen.gate import Gate
from satellite.listen.listener import RING_SAMPLES
from satellite.listen.preroll import RingBuffer
from satellite.listen.second_look import SecondLook
from satellite.listen.speech import SpeechTrack
from satellite.listen.trigger import Trigger

CONFIRMATIONS = {
    "none (default)": Confirmation(),
    "2 of 2 hops": Confirmation(2, 2),
    "2 of 3 hops": Confirmation(2, 3),
    "3 of 4 hops": Confirmation(3, 4),
    "second look 0.3": Confirmation(speech=0.3),
    "second look 0.5": Confirmation(speech=0.5),
    "second look 0.9": Confirmation(speech=0.9),
    "3 syllables": Confirmation(syllables=3),
}
MAKERS = "none, at 0.5"
# Where "hey" is in real recordings, in seconds: put before a real "jarvis".
HEYS = (
    ("wake/hey_jarvis/pmw-1.flac", 0.58, 0.77),
    ("wake/hey_jarvis/wow.flac", 0.44, 0.64),
    ("wake/hey_mycroft/pmw-1.flac", 0.52, 0.67),
)


class Heard(NamedTuple):
    """A stream, its scores, and where the word is said in it: from, to."""

    sound: Int16
    scores: list[Scores]
    places: list[tuple[int, int]]


def heard(word: str, clips: Sequence[Int16], noise: Int16 | None = None, snr_db: float = 0) -> Heard:
    sound, begins, ends = stream(clips, noise, snr_db, 0)
    words = wake_words([word])
    scores = [found for hop in hops(sound) for found in words.process(hop)]
    return Heard(sound, scores, list(zip(begins, ends, strict=True)))


def wakes(word: str, one: Heard, confirmation: Confirmation, threshold: float = 0.0) -> list[int]:
    """Where it wakes up; without a threshold at the default."""
    at = threshold or models.manifest()[word].threshold
    model = WakeModel(word, models.find(word, FOLDER), word, at, confirmation=confirmation)
    ring, gate = RingBuffer(RING_SAMPLES), Gate()
    trigger = Trigger([model], SecondLook(ring, SpeechTrack(silero("silero_vad"), ring, gate), 0).confirms)
    by_end, found, judged = {scores.at: scores for scores in one.scores}, [], 0
    for number, hop in enumerate(hops(one.sound), 1):
        ring.append(hop)
        while judged + WINDOW_SAMPLES <= ring.end:
            gate.process(ring.read(judged, judged + WINDOW_SAMPLES), judged, False)
            judged += WINDOW_SAMPLES
        scores = by_end.get(number * HOP_SAMPLES)
        if scores and trigger.hear(scores.at, scores.by_name, {}, armed=True):
            found.append(scores.at)
    return found


def first(found: Sequence[int], one: Heard) -> np.ndarray:
    """For each place the first wake in it; infinite where there is none."""
    return np.array([next((at for at in found if begin <= at <= end), np.inf) for begin, end in one.places])


def hey_jarvis(corpus: Corpus) -> list[Int16]:
    """Real "hey" before real "jarvis", equally loud."""
    clips = dict([*corpus.wake("hey_jarvis"), *corpus.wake("hey_mycroft")])
    joined = []
    for name, begin_s, end_s in HEYS:
        hey = clips[name][round(begin_s * RATE_HZ) : round(end_s * RATE_HZ)]
        for sound in jarvis(corpus):
            loud = hey * (active_rms(sound) / active_rms(hey))
            begin = max(0, int(np.flatnonzero(np.abs(sound) > np.abs(sound).max() / 30)[0]) - 160)
            joined.append(np.clip(np.concatenate([loud, sound[begin:]]), -32768, 32767).astype(np.int16))
    return joined


def jarvis(corpus: Corpus) -> list[Int16]:
    return [sound for name, sound in corpus.others() if "negative/jarvis" in name]


def alexa(corpus: Corpus) -> str:
    """Detections, delays and false accepts of "alexa"."""
    noises = dict(corpus.noise())
    pink, dishes = (next(sound for file, sound in noises.items() if name in file) for name in ("pink", "dishes"))
    clips, rows = [sound for _, sound in corpus.wake("alexa")], []
    said = [heard("alexa", clips, noise, snr_db) for noise, snr_db in ((None, 0), (pink, 10), (dishes, 5))]
    others = {name: list(in_phases(sound)) for name, sound in without_the_word(corpus).items()}
    plain = first(wakes("alexa", said[0], Confirmation()), said[0])
    for name, (confirmation, threshold) in {MAKERS: (Confirmation(), 0.5), **with_default(CONFIRMATIONS)}.items():
        found = [first(wakes("alexa", one, confirmation, threshold), one) for one in said]
        both = np.isfinite(found[0]) & np.isfinite(plain)
        later_ms = (found[0][both] - plain[both]) * 1000 / RATE_HZ
        counts = [int(np.isfinite(each).sum()) for each in found]
        false = [[len(wakes("alexa", one, confirmation, threshold)) for one in phases] for phases in others.values()]
        cells = [", ".join(map(str, phases)) for phases in false]
        rows.append((name, *counts, f"{later_ms.mean():.0f} / {later_ms.max():.0f}", *cells))
    false_in = (f"false, {name}, {len(one[0].sound) / RATE_HZ / 3600:.2f} h" for name, one in others.items())
    head = ("quiet", "pink, 10 dB", "dishes, 5 dB", "later, ms, mean / most", *false_in)
    return table((f"{len(clips)} alexa clips: confirmation", *head), rows)


def without_the_word(corpus: Corpus) -> dict[str, Int16]:
    """All recordings without the word, one soon after the other, and with quiet between them."""
    clips = list(corpus.others())
    return {"close": joined(clips, 0.2, 0.2)[0], "apart": stream([sound for _, sound in clips], None, 0, 0)[0]}


def in_phases(sound: Int16) -> Iterator[Heard]:
    """The same four times: hops begin elsewhere in it each time, 20 ms later."""
    for later in range(0, HOP_SAMPLES, HOP_SAMPLES // 4):
        moved = np.concatenate([room(0.3 + later / RATE_HZ), sound])
        words = wake_words(["alexa"])
        yield Heard(moved, [found for hop in hops(moved) for found in words.process(hop)], [])


def with_default(confirmations: Mapping[str, Confirmation]) -> dict[str, tuple[Confirmation, float]]:
    return {name: (confirmation, 0.0) for name, confirmation in confirmations.items()}


def syllables(corpus: Corpus) -> str:
    """What wakes "hey jarvis", with and without the "hey"."""
    pink = next(sound for file, sound in corpus.noise() if "pink" in file)
    with_hey, without = hey_jarvis(corpus), jarvis(corpus)
    real = [sound for _, sound in corpus.wake("hey_jarvis")]
    sets = [
        heard("hey_jarvis", clips, pink if snr_db else None, snr_db)
        for clips in (with_hey, without)
        for snr_db in (0, 10)
    ]
    sets.append(heard("hey_jarvis", real))
    rows = []
    for name in ("none (default)", "2 of 3 hops", "3 of 4 hops", "second look 0.5", "3 syllables"):
        found = [first(wakes("hey_jarvis", one, CONFIRMATIONS[name]), one) for one in sets]
        rows.append((name, *(int(np.isfinite(each).sum()) for each in found)))
    hey, alone = f'"hey" + "jarvis", {len(with_hey)}', f'"jarvis" alone, {len(without)}'
    head = (hey, f"{hey}, pink 10 dB", alone, f"{alone}, pink 10 dB", f"said as one, {len(real)}")
    return table(("hey_jarvis: confirmation", *head), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of recordings (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also into docs/performance.md")
    given = parser.parse_args()
    corpus = Corpus(given.data)
    parts = [conditions("numpy", "onnxruntime"), alexa(corpus), syllables(corpus)]
    publish("false_wakes", "\n\n".join(parts), write=given.write)


if __name__ == "__main__":
    main()
