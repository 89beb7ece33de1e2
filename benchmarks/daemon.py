"""The whole daemon, a process of its own between a virtual sound card and a small Home Assistant: how quick, how heavy.

    scripts/benchmark daemon [--data FOLDER] [--clips N] [--starts N] [--idle SECONDS] [--write] [--tiny]

The card delivers real recordings of "Alexa" in real time and knows when each sample was captured; the assistant knows
when each message came. Where the word ended is judged by its sound, and which hop of 80 ms recognises it is computed
beforehand: so what sound had to be waited for and what the daemon took can be told apart. What the daemon took is by
the clock, whatever else the machine did meanwhile; where we may, all this has priority over that. Idle CPU is compared
with openWakeWord's three published graphs alone, fed at the same pace at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np
from corpus import DEFAULT, RATE_HZ, Corpus, Made, Place, Sound, room, stream, word_end
from fakes_ha import FakeHomeAssistant, Habits
from journeys.box import Box, tone
from report import conditions, median, publish, quantile, table
from satcard.satcard import VirtualCards

from satellite.app import build
from satellite.config import Config, WakeWordConfig
from satellite.diagnostics.machine import memory_mib
from satellite.listen.leadin import LEAD_IN_S

WORD = "alexa"
HOP = 1280
LEAD_IN_BYTES = round(LEAD_IN_S * RATE_HZ) * 2
BEFORE_S, AFTER_S = 0.8, 2.2
WARM_S = 2.0
TURNS = 10
SETTINGS = {"[wake_word]": f'model = "{WORD}"', "command": "no_speech_s = 1.0"}
HABITS = Habits(refuses_duplicates=False, setup_describes=1)
PATIENCE_S = 30.0
PRIORITY = -15
AUTOGROUP = Path("/proc/self/autogroup")
SEARCHED_S = 1.5
ARECORD = ("arecord", "-q", "-D", "satmic", "-t", "raw", "-f", "S16_LE", "-r", "16000", "-c", "1")
# As the daemon asks for.
ARECORD_SIZES = ("--period-time=16000", "--buffer-time=500000")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Turn:
    """One wake, in ms. `clip`: its recording. `word_to_hop`: None where the sound does not tell when the word ended."""

    clip: str
    word_to_hop: float | None
    run_pipeline: float
    waited: float
    first_sound: float
    answer_written: float | None

    @property
    def to_run_pipeline(self) -> float | None:
        return None if self.word_to_hop is None else self.word_to_hop + self.run_pipeline

    @property
    def to_first_sound(self) -> float | None:
        return None if self.word_to_hop is None else self.word_to_hop + self.waited + self.first_sound


@dataclass(frozen=True)
class Idle:
    """CPU seconds for each second of sound: the daemon's, the plain graphs', and arecord's on the same virtual card."""

    daemon: float
    plain: float
    card: float


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process; `cpu`: used until the first frame."""

    first_frame: float
    wake_ready: float
    cpu: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=DEFAULT, help="folder of recordings (default: %(default)s)")
    options.add_argument("--clips", type=int, help="only so many recordings of the word")
    options.add_argument("--starts", type=int, default=7, help="of the daemon (default: 7)")
    options.add_argument("--idle", type=float, default=40.0, help="seconds of quiet (default: 40)")
    options.add_argument("--write", action="store_true", help="also into docs/performance.md")
    options.add_argument("--tiny", action="store_true", help="one turn of made sound: only shows that it runs")
    given = options.parse_args()
    priority = "" if given.tiny else _take_priority()
    # Also when we are told to end, the daemon is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    corpus: Corpus | Made = Made() if given.tiny else Corpus(given.data)
    starts, idle_s = (1, 1.0) if given.tiny else (given.starts, given.idle)
    settings = {**SETTINGS, "speaker": "idle_s = 0.5"} if given.tiny else SETTINGS
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        measured = asyncio.run(
            Measurement(Path(folder), corpus.wake(WORD)[: given.clips], idle_s, settings).run(starts)
        )
    publish("daemon", f"{measured}\n\n{priority}".strip(), write=given.write and not given.tiny)


def _take_priority() -> str:
    """Go before other programs, and the daemon with us, where that is allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        if AUTOGROUP.exists():  # where the kernel shares time between sessions, priority counts within a session only
            AUTOGROUP.write_text(str(PRIORITY))
    except OSError:
        return "Times by the clock are those of a machine that did other things too."
    return f"Times by the clock are those of a machine that did other things too, at priority {PRIORITY}."


class Measurement:
    """All of it, one after the other."""

    def __init__(self, folder: Path, clips: list[tuple[str, Sound]], idle_s: float, settings: dict[str, str]) -> None:
        self._folder = folder
        self._clips = clips
        self._idle_s = idle_s
        self._settings = settings
        self._asked_s: list[float] = []
        self._memory: dict[str, float] = {}

    async def run(self, starts: int) -> str:
        """Measure; the text."""
        begun = [await self._start(number) for number in range(starts)]
        turns, idle = await self._live()
        parts = [
            conditions("numpy", "onnxruntime", "pyalsaaudio"),
            self._turns_page(turns),
            self._costs_page(begun, idle),
        ]
        return "\n\n".join(parts)

    # --- starting -----------------------------------------------------------------------------------------------------

    def _box(self, name: str, sound: Sound) -> Box:
        folder = self._folder / name
        folder.mkdir()
        cards = VirtualCards(folder / "cards")
        cards.say(sound)
        box = Box(folder, cards, self._settings)
        box.config.write_text(box.config.read_text().replace('level = "debug"', 'level = "info"'))
        return box

    async def _start(self, number: int) -> Start:
        box = self._box(f"start-{number}", room(10))
        began_s = time.monotonic()
        async with box:  # returns with the first frame
            first_s, cpu_s = time.monotonic(), cpu_seconds(box.pid)
            await box.reports(lambda status: status["listener"]["warm"])
            return Start(first_s - began_s, time.monotonic() - began_s, cpu_s)

    # --- turns, then quiet --------------------------------------------------------------------------------------------

    async def _live(self) -> tuple[list[Turn], Idle]:
        said, places = stream(self._clips, BEFORE_S, AFTER_S)
        sound = np.concatenate([room(WARM_S, seed=7), said, room(self._idle_s + PATIENCE_S, seed=8)])
        places = [Place(one.name, one.begin + len(room(WARM_S)), one.end + len(room(WARM_S))) for one in places]
        box = self._box("turns", sound)
        async with box, FakeHomeAssistant(box.port, habits=HABITS, on_stream=self._answer) as ha:
            reports = [
                report async for report in self._watch(box, ha, len(sound) / RATE_HZ - self._idle_s - PATIENCE_S)
            ]
            started_s = next(float(event[0]) for event in box.cards.events("mic") if "start" in event)
            await box.reports(lambda status: status["speaker"]["state"] == "resting", PATIENCE_S)
            idle = await self._idle(box.pid)
            assert (await box.status())["microphone"]["overruns"] == 0, "the machine was too busy: sound was lost"
            turns = turns_of(ha, reports, asked_s=self._asked_s, sound=sound, places=places, started_s=started_s)
            return list(turns), idle

    async def _answer(self, ha: FakeHomeAssistant) -> None:
        await ha.stream_ended()
        await ha.transcript("nothing")
        ha.state = "responding"
        self._asked_s.append(time.monotonic())
        await ha.speak(tone(0.2))

    async def _watch(self, box: Box, ha: FakeHomeAssistant, until_s: float) -> Any:
        """The daemon's own record of each turn, as it ends, until all the clips were heard."""
        deadline_s, seen = time.monotonic() + until_s, 0
        while time.monotonic() < deadline_s:
            if len(ha.of("played")) > seen:
                seen = len(ha.of("played"))
                yield (await box.status())["last_turns"][-1]
                if seen == TURNS:
                    self._memory[f"after {TURNS} turns"] = memory_mib(box.pid)
            await asyncio.sleep(0.05)
        self._memory[f"after {seen} turns"] = memory_mib(box.pid)

    async def _idle(self, pid: int) -> Idle:
        rival = [sys.executable, str(Path(__file__).parent), "rivals", "plain ONNX graphs", "--paced"]
        plain = await asyncio.create_subprocess_exec(*rival, str(self._idle_s), stdout=asyncio.subprocess.PIPE)
        assert plain.stdout
        await plain.stdout.readline()  # it is ready
        cards = VirtualCards(self._folder / "card-alone")
        cards.say(room(self._idle_s + PATIENCE_S))
        arecord = await asyncio.create_subprocess_exec(
            *ARECORD, *ARECORD_SIZES, "/dev/null", env={**os.environ, **cards.env()}
        )
        began_s, ours_s, card_s = time.monotonic(), cpu_seconds(pid), cpu_seconds(arecord.pid)
        answer = json.loads(await plain.stdout.readline())
        took_s = time.monotonic() - began_s
        ours_s, card_s = cpu_seconds(pid) - ours_s, cpu_seconds(arecord.pid) - card_s
        arecord.terminate()
        await asyncio.gather(plain.wait(), arecord.wait())
        return Idle(ours_s / took_s, answer["cpu_per_s"], card_s / took_s)

    # --- pages --------------------------------------------------------------------------------------------------------

    def _turns_page(self, turns: Sequence[Turn]) -> str:
        def row(what: str, values: Sequence[float | None], target: str = "") -> list[str]:
            known = [value for value in values if value is not None]
            return [what, f"{median(known):.0f}", f"{quantile(known, 0.95):.0f}", str(len(known)), target]

        rows = [
            row("end of the word to the hop that recognises it (sound)", [turn.word_to_hop for turn in turns]),
            row("that hop to `run-pipeline` on the wire (daemon)", [turn.run_pipeline for turn in turns], "20 at p95"),
            row("end of the word to `run-pipeline`, together", [turn.to_run_pipeline for turn in turns]),
            row("sound awaited to know the word's end (sound)", [turn.waited for turn in turns]),
            row(
                "that sound to the first captured sample on the wire (daemon)",
                [turn.first_sound for turn in turns],
                "20 at p95",
            ),
            row("end of the word to the first captured sample, together", [turn.to_first_sound for turn in turns]),
            row(
                "first piece of the answer to its write into ALSA (daemon)",
                [turn.answer_written for turn in turns],
                "20",
            ),
        ]
        head = ["ms, by the clock", "median", "p95", "of", "target"]
        heard = len({turn.clip for turn in turns})
        answered = f'{heard} of {len(self._clips)} recordings of "Alexa" were answered, in {len(turns)} turns.'
        return f"**A turn.** {answered}\n\n{table(head, rows)}"

    def _costs_page(self, begun: Sequence[Start], idle: Idle) -> str:
        rows = [
            [
                "start of the process to the first frame, s",
                f"{median([start.first_frame for start in begun]):.2f}",
                "1.0",
            ],
            ["CPU until then, s", f"{median([start.cpu for start in begun]):.2f}", ""],
            ["start to the wake word can be heard, s", f"{median([start.wake_ready for start in begun]):.2f}", ""],
            ["CPU for a second of quiet, ms", f"{1000 * idle.daemon:.1f}", ""],
            ["the same, three plain graphs alone, ms", f"{1000 * idle.plain:.1f}", ""],
            ["ratio", f"{idle.daemon / idle.plain:.2f}", "1.3"],
            ["arecord alone on the same virtual card, by the period, ms", f"{1000 * idle.card:.1f}", ""],
            *([f"memory {when}, MiB", f"{mib:.0f}", "105"] for when, mib in self._memory.items()),
        ]
        return f"**What it costs.** Medians of {len(begun)} starts.\n\n{table(['', 'measured', 'at most'], rows)}"


def turns_of(
    ha: FakeHomeAssistant,
    reports: Sequence[dict[str, Any]],
    *,
    asked_s: Sequence[float],
    sound: Sound,
    places: Sequence[Place],
    started_s: float,
) -> Any:
    """What became of each clip. `started_s`: when the card captured the first sample of `sound`."""
    hops = fired(sound)
    runs = [event for event in ha.received if event.type == "run-pipeline"]
    for number, run in enumerate(runs):
        run_s = ha.began_s + run.at_s
        heard = round((run_s - started_s) * RATE_HZ)
        place = next((one for one in places if one.begin < heard < one.end + round(SEARCHED_S * RATE_HZ)), None)
        hop = max((hop for hop in hops if hop <= heard), default=None)
        if place is None or hop is None or heard - hop > RATE_HZ:
            continue
        end = runs[number + 1].at_s if number + 1 < len(runs) else float("inf")
        begin, last, first_s = first_captured(ha, run.at_s, end, sound, hop)
        if begin is None:
            continue
        known_at = max(hop, last)
        word = word_end(sound[place.begin : place.end])
        written_ms = None
        if number < len(reports) and number < len(asked_s) and "first_sound_written_ms" in reports[number]:
            own = reports[number]
            written_s = run_s + (own["first_sound_written_ms"] - own["run_pipeline_ms"]) / 1000
            written_ms = (written_s - asked_s[number]) * 1000
        yield Turn(
            clip=place.name,
            word_to_hop=None if word is None else (hop - place.begin - word) * 1000 / RATE_HZ,
            run_pipeline=(run_s - started_s) * 1000 - hop * 1000 / RATE_HZ,
            waited=(known_at - hop) * 1000 / RATE_HZ,
            first_sound=(first_s - started_s) * 1000 - known_at * 1000 / RATE_HZ,
            answer_written=written_ms,
        )


def fired(sound: Sound) -> list[int]:
    """The ends of the hops that recognise the word, by the same engine over the same sound."""
    word = WakeWordConfig(WORD)
    scores = build.wake_words(Config(wake_word=(word,))).process(sound)
    over = [score.at for score in scores if score.by_name[WORD] >= build.threshold(word)]
    return [at for number, at in enumerate(over) if number == 0 or at - over[number - 1] > RATE_HZ]


def first_captured(
    ha: FakeHomeAssistant, begin_s: float, end_s: float, sound: Sound, hop: int
) -> tuple[int | None, int, float]:
    """Where the first captured sound of a run begins and ends in `sound`, and when it came."""
    sent = 0
    for event in ha.received:
        if event.type != "audio-chunk" or not begin_s <= event.at_s < end_s:
            continue
        sent += len(event.payload)
        if sent > LEAD_IN_BYTES:
            captured = np.frombuffer(event.payload[-(sent - LEAD_IN_BYTES) :], "<i2")
            at = position(captured[:400], sound, max(0, hop - 2 * RATE_HZ), hop + RATE_HZ)
            return at, (at or 0) + len(captured), ha.began_s + event.at_s
    return None, 0, 0.0


def position(piece: Sound, sound: Sound, begin: int, end: int) -> int | None:
    """Where `piece` lies in this part of `sound`."""
    window = sound[begin:end]
    for at in np.flatnonzero(window[: len(window) - len(piece) + 1] == piece[0]):
        if np.array_equal(window[at : at + len(piece)], piece):
            return begin + int(at)
    return None


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


if __name__ == "__main__":
    main()
