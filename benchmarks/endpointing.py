"""When a command is taken to be over: section Endings of docs/performance.md.

    scripts/benchmark endpointing [--data FOLDER] [--write]

Real speech, cut where it is quietest, with a pause put in, and the room going on after it. What is counted: commands
that were cut off in the pause, and how long after its true end a command was over. Models run, nothing is timed.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from corpus import DEFAULT, Corpus
from listening import FOLDER, active_rms
from report import conditions, median, publish, quantile, table

from satellite import models
from satellite.config import CommandConfig
from satellite.core.audio import RATE_HZ, Int16, seconds
from satellite.core.events import SpeechStarted
from satellite.detect.vad import WINDOW_SAMPLES, Silero
from satellite.listen.endpoint import VoiceEndpointer
from satellite.listen.gate import Gate
from satellite.listen.listener import RING_SAMPLES
from satellite.listen.preroll import RingBuffer
from satellite.listen.speech import SpeechTrack

PAUSES_S = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
NOISES = ("dishes", "pink", "tap", "bike")
SNR_DB = 10
LEAD_S, AFTER_S = 2.0, 2.5
STEP = 160
# Commands are not longer; and a stretch of speech ends where nothing is heard for 0.25 s.
LONGEST_S, APART_STEPS = 5.0, 25
SHORT_S, LONG_S = 0.7, 1.5


class Phrase(NamedTuple):
    """A stretch of speech without a pause of 0.25 s.

    Attributes:
        quiet_db: what is weaker is not heard.
        room: level of its room in LSB.
    """

    name: str
    sound: Int16
    quiet_db: float
    room: float


class Case(NamedTuple):
    """A command in a room.

    Attributes:
        resumes: sample at which it goes on after the pause; `begin` where there is none.
        before_s: speech before the pause.
    """

    phrase: Phrase
    room: str
    sound: Int16
    begin: int
    resumes: int
    end: int
    pause_s: float
    before_s: float


class Outcome(NamedTuple):
    """What became of a case, in samples; None where it did not happen."""

    begun: int | None
    ended: int | None


# --- sound ------------------------------------------------------------------------------------------------------------


def phrases(corpus: Corpus) -> list[Phrase]:
    """All that is said in the recordings of speech, apart from meetings, and every third of the single words."""
    found = []
    words = 0
    for name, sound in corpus.others():
        if name.startswith("speech/") and "ami" not in name:
            found += [phrase for phrase in stretches(name, sound) if len(phrase.sound) <= LONGEST_S * RATE_HZ]
        elif any(folder in name for folder in ("view-glass", "smart-mirror", "computer")):
            words += 1
            if words % 3 == 0:
                found.append(max(stretches(name, sound), key=lambda phrase: np.abs(phrase.sound).max()))
    return found


def stretches(name: str, sound: Int16) -> list[Phrase]:
    """A recording cut where nothing is heard for 0.25 s; what is shorter than 0.2 s is not speech."""
    db = levels_db(sound)
    floor_db = float(np.percentile(db[db > 6], 5))
    quiet_db = max(float(db.max()) - 30, floor_db + 10)
    loud = np.flatnonzero(db > quiet_db)
    room = min(100.0, max(3.0, 10 ** (floor_db / 20)))
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > APART_STEPS) + 1)
    spans = [(int(group[0]) * STEP, (int(group[-1]) + 1) * STEP) for group in groups]
    return [Phrase(name, sound[begin:end], quiet_db, room) for begin, end in spans if end - begin >= 0.2 * RATE_HZ]


def levels_db(sound: Int16) -> np.ndarray:
    """Level of each 10 ms, smoothed over 30 ms, in dB over 1 LSB."""
    steps = sound[: len(sound) // STEP * STEP].astype(np.float64).reshape(-1, STEP)
    db = 10 * np.log10((steps**2).mean(axis=1) + 1)
    return np.convolve(np.pad(db, 1, "edge"), np.ones(3) / 3, "valid")


def cuts(phrase: Phrase) -> list[tuple[int, int]]:
    """Where somebody may hesitate: the quietest place early in a phrase, and another late in it, between two words.

    What is not heard there is left out: from the sample where the first part's last sound ends to the other's first.
    """
    length_s = seconds(len(phrase.sound))
    if length_s < SHORT_S:
        return []
    db, found = levels_db(phrase.sound), set()
    heard = np.flatnonzero(db > phrase.quiet_db)
    for begin_s, end_s in ((0.25, min(0.8, 0.6 * length_s)), (0.5 * length_s, 0.85 * length_s)):
        at = round(begin_s * 100) + int(db[round(begin_s * 100) : round(end_s * 100)].argmin())
        before, after = heard[heard < at], heard[heard >= at]
        if db[at] < db.max() - 15 and len(before) and len(after):
            found.add(((int(before[-1]) + 1) * STEP, int(after[0]) * STEP))
    return sorted(found)


def cases(corpus: Corpus) -> Iterator[Case]:
    """Every phrase whole and with every pause, in every room."""
    noises = {name: next(sound for file, sound in corpus.noise() if name in file) for name in NOISES}
    for phrase in phrases(corpus):
        for room in ("quiet", *NOISES):
            yield case(phrase, (0, 0), 0.0, room, noises.get(room))
            for cut in cuts(phrase):
                for pause_s in PAUSES_S:
                    yield case(phrase, cut, pause_s, room, noises.get(room))


def case(phrase: Phrase, cut: tuple[int, int], pause_s: float, room: str, noise: Int16 | None) -> Case:
    """The phrase with a pause of room in the place of what lies within `cut`, in a room before and after."""
    rng = np.random.default_rng(zlib.crc32(f"{phrase.name} {len(phrase.sound)} {cut} {pause_s}".encode()))
    first, second = phrase.sound[: cut[0]], phrase.sound[cut[1] :]
    counts = [LEAD_S * RATE_HZ, len(first), pause_s * RATE_HZ, len(second), AFTER_S * RATE_HZ]
    ends = np.cumsum(np.rint(counts).astype(int))
    sound = rng.normal(0, phrase.room, ends[-1])
    sound[ends[0] : ends[1]] = first
    sound[ends[2] : ends[3]] = second
    if noise is not None:
        added = np.resize(np.roll(noise, -int(rng.integers(len(noise)))), len(sound)).astype(np.float64)
        sound += added * (active_rms(phrase.sound) * 10 ** (-SNR_DB / 20) / np.sqrt(np.mean(added**2)))
    whole = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    begin, resumes, end = int(ends[0]), int(ends[2]), int(ends[3])
    return Case(phrase, room, whole, begin, resumes, end, pause_s, seconds(len(first) or len(second)))


# --- hearing ----------------------------------------------------------------------------------------------------------


def listened(one: Case, vad: Silero) -> tuple[int, list[float]]:
    """Where its first window begins, and how likely each is speech, as the listener hears it: from 0.5 s before on."""
    ring, gate = RingBuffer(RING_SAMPLES), Gate()
    speech = SpeechTrack(vad, ring, gate)
    asked = (one.begin - RATE_HZ // 2) // WINDOW_SAMPLES * WINDOW_SAMPLES
    found = []
    for at in range(0, len(one.sound) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        window = one.sound[at : at + WINDOW_SAMPLES]
        ring.append(window)
        gate.process(window, at, False)
        if at >= asked:
            found.append(speech.process(at))
    return asked, found


def by_ours(begin: int, probabilities: Sequence[float]) -> Outcome:
    """What the satellite makes of it."""
    endpointer, begun = VoiceEndpointer(CommandConfig(), 1, begin), None
    for number, probability in enumerate(probabilities, 1):
        event = endpointer.process(begin + number * WINDOW_SAMPLES, probability)
        if isinstance(event, SpeechStarted):
            begun = event.at
        elif event:
            return Outcome(begun, event.at)
    return Outcome(begun, None)


def by_plain(begin: int, probabilities: Sequence[float]) -> Outcome:
    """The usual rule: 0.6 s without speech in a row, after 0.12 s with it."""
    begun, spoken, silent = None, 0, 0
    for number, probability in enumerate(probabilities, 1):
        if probability >= (0.35 if begun else 0.5):
            spoken, silent = spoken + WINDOW_SAMPLES, 0
        elif probability < 0.35:
            spoken, silent = 0, silent + WINDOW_SAMPLES
        end = begin + number * WINDOW_SAMPLES
        if not begun and spoken >= 0.12 * RATE_HZ:
            begun = end - spoken
        if begun and silent >= 0.6 * RATE_HZ:
            return Outcome(begun, end)
    return Outcome(begun, None)


RULES = {"ours": by_ours, "0.6 s": by_plain}


def was_cut(one: Case, outcome: Outcome) -> bool:
    """It was over before it went on."""
    return outcome.ended is not None and outcome.ended <= one.resumes


def delay_ms(one: Case, outcome: Outcome) -> float:
    """From its true end to where it was over; infinite where it was not, or was not heard."""
    if outcome.ended is None or outcome.begun is None:
        return float("inf")
    return seconds(outcome.ended - one.end) * 1000


# --- tables -----------------------------------------------------------------------------------------------------------

Heard = Sequence[tuple[Case, dict[str, Outcome]]]


def in_pauses(heard: Heard) -> str:
    """How many commands were cut off, by the length of the pause."""
    rows = []
    for room in ("quiet", *NOISES):
        for rule in RULES:
            cells = []
            for pause_s in PAUSES_S:
                these = [
                    was_cut(one, found[rule]) for one, found in heard if (one.room, one.pause_s) == (room, pause_s)
                ]
                cells.append(sum(these))
            rows.append((room_name(room), rule, len(these), *cells))
    return table(("cut off in a pause of", "rule", "commands", *(f"{pause_s} s" for pause_s in PAUSES_S)), rows)


def at_the_end(heard: Heard) -> str:
    """How long after its true end a command without a pause was over, by its length."""
    groups = ((0.0, SHORT_S), (SHORT_S, LONG_S), (LONG_S, np.inf), (0.0, np.inf))
    rows = []
    for room in ("quiet", *NOISES):
        for rule in RULES:
            whole = [(one.before_s, delay_ms(one, found[rule])) for one, found in heard if is_whole(one, room)]
            grouped = [[delay for said_s, delay in whole if least <= said_s < most] for least, most in groups]
            lost = sum(delay == np.inf for delay in grouped[-1])
            figures = [*map(median, grouped), quantile(grouped[-1], 0.9)]
            rows.append((room_name(room), rule, len(whole), lost, *(f"{figure:.0f}" for figure in figures)))
    lengths = (f"under {SHORT_S} s", f"to {LONG_S} s", "longer", "all", "all, p90")
    return table(("over after its end, median in ms", "rule", "commands", "not heard", *lengths), rows)


def is_whole(one: Case, room: str) -> bool:
    return one.room == room and not one.pause_s


def room_name(room: str) -> str:
    return room if room == "quiet" else f"{room}, {SNR_DB} dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of recordings (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also into docs/performance.md")
    given = parser.parse_args()
    vad = Silero(models.find("silero_vad", FOLDER))
    heard = []
    for one in cases(Corpus(given.data)):
        sound = listened(one, vad)
        heard.append((one._replace(sound=one.sound[:0]), {name: rule(*sound) for name, rule in RULES.items()}))
    about = conditions("numpy", "onnxruntime")
    publish("endpointing", "\n\n".join([about, at_the_end(heard), in_pauses(heard)]), write=given.write)


if __name__ == "__main__":
    main()
