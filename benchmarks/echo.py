"""Wake words over the satellite's own voice, in made rooms: the section Echo of docs/performance.md.

    scripts/benchmark echo [--tiny] [--write]

Needs espeak-ng, libspeexdsp1 and the extra [webrtc]. All goes through the parts of the satellite, from the dated write
into the speaker to the listener's event; only the two cards and the room are made (tests/echo_room.py).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import numpy as np
import numpy.typing as npt
import soxr
from data.recipe import spoken
from echo_room import BEGIN_S, READ, SPEAKER, Room, writes
from report import conditions, publish, table

from satellite import models
from satellite.config import CommandConfig, ListeningConfig
from satellite.core.audio import RATE_HZ, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.events import WakeDetected
from satellite.detect import derived
from satellite.detect.wakeword import WakeModel, WakeWords
from satellite.dsp import speex, webrtc
from satellite.dsp.canceller import open_canceller
from satellite.dsp.echo import EchoCanceller, EchoStatistics
from satellite.dsp.reference import Reference
from satellite.listen.listener import Listener
from satellite.listen.own_voice import OwnVoice

FOLDER = models.models_directory()
VOICES = ("en-us+f2", "en-us", "en-gb", "en-gb+m2", "en-us+m3", "en-gb-x-rp+f2")
SPEEDS = (150, 160, 170, 180)
TALKER = "en-gb-scotland"
TALK = (
    "Tomorrow it will be cloudy in the morning, with some light rain towards noon, and dry again in the afternoon.",
    "The train to the coast leaves at ten past eight from platform four, and there is another one an hour later.",
    "You have three appointments today: the dentist at nine, lunch with Martin, and the meeting about the garden.",
    "To make the dough, mix flour, water, salt and a little yeast, and let it rest until it has doubled in size.",
    "The river rises in the northern hills, passes two old towns, and reaches the sea after four hundred miles.",
    "I have added milk, bread, apples and washing powder to the shopping list, and taken off the coffee.",
)
LEVEL = 1_500.0
LEAD_S = 0.02
CONVERGED_S = 14.0
EACH_S = 4.0
SELF = 24
How = dict[str, Any]


# --- sound ------------------------------------------------------------------------------------------------------------


def at_level(sound: Int16) -> npt.NDArray[np.float64]:
    """So loud where it is loud, as all others."""
    powers = (sound[: len(sound) // 320 * 320].astype(np.float64).reshape(-1, 320) ** 2).mean(axis=1)
    return sound * (LEVEL / np.sqrt(powers[powers > powers.max() / 10**2.5].mean()))


@cache
def words(count: int) -> Sequence[npt.NDArray[np.float64]]:
    """Made wake words that are heard when it is quiet, in several voices and speeds."""
    return [at_level(spoken(voice, speed, "hey jarvis")) for speed in SPEEDS for voice in VOICES][:count]


@cache
def talk(seconds: float) -> npt.NDArray[np.float64]:
    """The device's own voice, without a pause."""
    said = np.concatenate([at_level(spoken(TALKER, 165, text)) for text in TALK])
    return np.resize(said, round(seconds * RATE_HZ))


def sixteen_bits(sound: npt.NDArray[np.float64]) -> Int16:
    clipped: Int16 = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return clipped


def for_speaker(sound: npt.NDArray[np.float64]) -> Int16:
    return sixteen_bits(soxr.resample(sound, RATE_HZ, SPEAKER.rate_hz, "VHQ"))


# --- the satellite ----------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What came out. `passed`: what the listener heard. `cpu_s`: of the canceller alone."""

    wakes: list[int]
    own_wakes: int
    passed: Int16
    cpu_s: float
    statistics: EchoStatistics | None


def wake_words() -> WakeWords:
    found = WakeModel("hey_jarvis", models.find("hey_jarvis", FOLDER), "hey jarvis")
    return WakeWords([found], models.find("melspectrogram", FOLDER), derived.embedding(FOLDER))


@cache
def engine() -> WakeWords:
    return wake_words()


class Fixed:
    """SpeexDSP, told the delay, and nothing of the clocks: what would be without the fit."""

    active = True

    def __init__(self, played: Int16, room: Room) -> None:
        far = soxr.resample(played.astype(np.float64), SPEAKER.rate_hz, RATE_HZ, "VHQ")
        late = round((room.delay_s - LEAD_S) * RATE_HZ)
        self._far = sixteen_bits(np.concatenate((np.zeros(late), far, np.zeros(RATE_HZ))))
        self._speex = speex.SpeexCanceller()
        self._near: Int16 = np.zeros(0, np.int16)
        self._at = 0

    def process(self, samples: Int16, _newest_s: float) -> Int16:
        self._near = np.concatenate((self._near, samples))
        passed = [samples[:0]]
        while len(self._near) >= speex.BLOCK:
            near, self._near = self._near[: speex.BLOCK], self._near[speex.BLOCK :]
            passed.append(self._speex.process(near, self._far[self._at : self._at + speex.BLOCK]))
            self._at += speex.BLOCK
        return np.concatenate(passed)

    def statistics(self) -> None:
        return None


def live(played: Int16, microphone: Int16, room: Room, *, aec: str, aware: bool, fit: bool = True) -> Run:
    """Let a satellite hear this, period by period, as its capture thread would."""
    reference = Reference()
    now = [BEGIN_S]
    own = OwnVoice(engine().fresh, lambda count: reference.before(now[0], count)) if aware else None
    ears = Listener(CommandConfig(), engine().fresh(), None, listening=ListeningConfig(), own_voice=own)
    echo = None
    if aec != "off":
        echo = EchoCanceller(reference, open_canceller(aec)) if fit else Fixed(played, room)
    schedule = writes(played, room, reference)
    write_s = next(schedule, np.inf)
    wakes: list[int] = []
    heard, position, cpu_s = [], 0, 0.0
    for begin in range(0, len(microphone), READ):
        part = microphone[begin : begin + READ]
        now[0] = BEGIN_S + (begin + len(part)) / RATE_HZ
        while write_s <= now[0]:
            write_s = next(schedule, np.inf)
        if echo:
            began_s = time.thread_time()
            part = echo.process(part, now[0])
            cpu_s += time.thread_time() - began_s
        heard.append(part)
        events = ears.feed(Frame(part, position), ListenSettings(), playing=bool(echo and echo.active))
        position += len(part)
        wakes += [event.at for event in events if isinstance(event, WakeDetected)]
    statistics = echo.statistics() if echo else None
    return Run(wakes, ears.statistics().own_wakes, np.concatenate(heard), cpu_s, statistics)


def over_the_voice(room: Room, echo_db: float, how: How, count: int) -> tuple[int, Run]:
    """How many wake words are heard while the device speaks; the echo so much louder than they."""
    length_s = CONVERGED_S + EACH_S * count + 2
    played = talk(length_s)
    microphone = room.echo(for_speaker(played), 10 ** (echo_db / 20))[: round(length_s * RATE_HZ)]
    microphone = microphone + np.random.default_rng(4).normal(0, room.noise, len(microphone))
    begins = []
    for number, word in enumerate(words(count)):
        begin = round((CONVERGED_S + EACH_S * number + 1) * RATE_HZ)
        microphone[begin : begin + len(word)] += word
        begins.append(begin)
    run = live(for_speaker(played), sixteen_bits(microphone), room, **how)
    heard = sum(any(begin < at < begin + 2 * RATE_HZ for at in run.wakes) for begin in begins)
    return heard, run


def self_wakes(room: Room, how: How, count: int, *, first: bool) -> tuple[int, int]:
    """How often the device wakes itself by saying the wake word: each time the first thing it ever plays, or later."""
    if first:
        runs = [live(*_saying([word], 2.0, room), room, **how) for word in words(count)]
    else:
        runs = [live(*_saying(words(count), CONVERGED_S, room), room, **how)]
    return sum(len(run.wakes) for run in runs), sum(run.own_wakes for run in runs)


def _saying(said: Sequence[npt.NDArray[np.float64]], quiet_s: float, room: Room) -> tuple[Int16, Int16]:
    played = talk(quiet_s + EACH_S * len(said) + 1).copy() if len(said) > 1 else np.zeros(round(7 * RATE_HZ))
    for number, word in enumerate(said):
        begin = round((quiet_s + EACH_S * number + 1) * RATE_HZ)
        played[begin - RATE_HZ // 2 : begin + len(word) + RATE_HZ // 2] = 0
        played[begin : begin + len(word)] = word
    microphone = room.echo(for_speaker(played))[: len(played)]
    return for_speaker(played), sixteen_bits(microphone + np.random.default_rng(5).normal(0, room.noise, len(played)))


# --- tables -----------------------------------------------------------------------------------------------------------

HOW: dict[str, How] = {
    "off": {"aec": "off", "aware": False},
    "auto, without the library": {"aec": "off", "aware": True},
    "speex": {"aec": "speex", "aware": True},
    "webrtc": {"aec": "webrtc", "aware": True},
}


def heard_over(count: int) -> str:
    rows = []
    for name, how in HOW.items():
        over = [over_the_voice(Room(), echo_db, how, count)[0] for echo_db in (-10, 0, 10, 20)]
        own = [self_wakes(Room(), how, count, first=first) for first in (True, False)]
        rows.append((name, *over, *(f"{wakes} ({told})" for wakes, told in own)))
    head = ("`microphone.aec`", "echo -10 dB", "0 dB", "+10 dB", "+20 dB", "wakes itself: first sound", "later")
    return table((f"heard of {count}, {head[0]}", *head[1:]), rows)


def clocks(count: int) -> str:
    rows = []
    for ppm in (0, 20, 50, 100, -100):
        heard, run = over_the_voice(Room(ppm=ppm), 10, HOW["speex"], count)
        rows.append((ppm, heard, f"{run.statistics.ppm:.0f}", *_erle(Room(ppm=ppm))))
    for ppm in (0, 20, 50, 100):
        heard, _ = over_the_voice(Room(ppm=ppm), 10, {**HOW["speex"], "fit": False}, count)
        rows.append((f"{ppm}, without the fit", heard, "-", *_erle(Room(ppm=ppm), fit=False)))
    return table(
        (
            "clocks differ by, ppm",
            f"heard of {count}, echo +10 dB",
            "found, ppm",
            "ERLE, dB: 0-3 s",
            "10-20 s",
            "20-60 s",
        ),
        rows,
    )


def delays(count: int) -> str:
    rows = []
    for delay_ms in (20, 60, 150, 300, 600):
        room = Room(delay_s=delay_ms / 1000)
        heard, run = over_the_voice(room, 10, HOW["speex"], count)
        rows.append((delay_ms, heard, f"{run.statistics.delay_ms:.0f}", *_erle(room)))
    return table(
        ("delay, ms", f"heard of {count}, echo +10 dB", "found, ms", "ERLE, dB: 0-3 s", "10-20 s", "20-60 s"), rows
    )


def _erle(room: Room, *, fit: bool = True) -> Sequence[str]:
    played = talk(60)
    microphone = room.echo(for_speaker(played))[: len(played)]
    microphone = sixteen_bits(microphone + np.random.default_rng(6).normal(0, room.noise, len(microphone)))
    run = live(for_speaker(played), microphone, room, aec="speex", aware=False, fit=fit)
    length = min(len(microphone), len(run.passed))
    before, after = (sound.astype(np.float64)[:length] for sound in (microphone, run.passed))

    def between(begin_s: int, end_s: int) -> str:
        span = slice(begin_s * RATE_HZ, end_s * RATE_HZ)
        return f"{10 * np.log10((before[span] ** 2).sum() / (after[span] ** 2).sum()):.0f}"

    return between(0, 3), between(10, 20), between(20, 59)


def near_end(count: int) -> str:
    """What the canceller does to somebody who speaks: with an echo, and while the device plays what is not heard."""
    rows = []
    levels = (("echo -10 dB", -10.0), ("echo 0 dB", 0.0), ("echo +10 dB", 10.0), ("no echo at all", -200.0))
    for aec, (name, echo_db) in product(("speex", "webrtc") if count == SELF else ("speex",), levels):
        length_s = CONVERGED_S + EACH_S * count + 2
        played, room = talk(length_s), Room()
        near = np.zeros(round(length_s * RATE_HZ))
        begins = [round((CONVERGED_S + EACH_S * number + 1) * RATE_HZ) for number in range(count)]
        for begin, word in zip(begins, words(count), strict=True):
            near[begin : begin + len(word)] += word
        microphone = room.echo(for_speaker(played), 10 ** (echo_db / 20))[: len(near)] + near
        microphone += np.random.default_rng(4).normal(0, room.noise, len(near))
        run = live(for_speaker(played), sixteen_bits(microphone), room, aec=aec, aware=False)
        out = run.passed[: len(near)].astype(np.float64)
        target = near[: len(out)]
        gain = float(out @ target) / float(target @ target)
        rest = (out - gain * target)[target != 0]
        sdr = 10 * np.log10(gain**2 * float(target @ target) / float(rest @ rest))
        blocks = len(microphone) / speex.BLOCK
        heard = sum(any(begin < at < begin + 2 * RATE_HZ for at in run.wakes) for begin in begins)
        rows.append(
            (f"{aec}, {name}", heard, f"{20 * np.log10(gain):+.1f}", f"{sdr:.1f}", f"{run.cpu_s * 1000 / blocks:.3f}")
        )
    return table(
        ("`microphone.aec`", f"heard of {count}", "near level, dB", "near SI-SDR, dB", "CPU for 10 ms, ms"), rows
    )


TABLES: dict[str, Callable[[int], str]] = {
    "heard": heard_over,
    "clocks": clocks,
    "delays": delays,
    "near": near_end,
}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], help="none: all")
    parser.add_argument("--tiny", action="store_true", help="few words: does it run?")
    parser.add_argument("--write", action="store_true", help="put it into docs/performance.md")
    options = parser.parse_args()
    if why := speex.missing() or webrtc.missing():
        raise SystemExit(why)
    count = 3 if options.tiny else SELF
    parts = [TABLES[name](count) for name in options.tables or TABLES]
    publish("echo", "\n\n".join([conditions("numpy", "onnxruntime"), *parts]), write=options.write)


if __name__ == "__main__":
    main()
