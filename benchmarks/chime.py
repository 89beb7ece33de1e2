"""Commands over the satellite's own awake sound, in made rooms: the section Chime of docs/performance.md.

    scripts/benchmark chime [commands|rooms] [--recogniser tcp://HOST:PORT] [--tiny] [--write]

Needs espeak-ng; and, to count what is understood, a speech-to-text service of the Wyoming protocol that knows English,
as Home Assistant uses one. All goes through the parts of the satellite, from the dated write into the speaker to the
stream; only the two cards and the room are made (tests/echo_room.py).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import numpy as np
import numpy.typing as npt
from data.recipe import spoken
from echo import FOLDER, LEVEL, VOICES, at_level, sixteen_bits
from echo_room import BEGIN_S, READ, Room, writes
from report import conditions, median, publish, table
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient

from satellite import models
from satellite.config import CommandConfig
from satellite.core.audio import RATE_HZ, Frame, Int16, samples_in
from satellite.core.effects import Command, ListenSettings
from satellite.core.events import Event, SpeechAudio, SpeechEnded, SpeechStarted, WakeDetected
from satellite.detect import derived
from satellite.detect.vad import Silero
from satellite.detect.wakeword import WakeModel, WakeWords
from satellite.dsp import speex
from satellite.dsp.cue_echo import CueCanceller
from satellite.dsp.cues import CUE_RATE_HZ, make_cue
from satellite.dsp.echo import EchoCanceller
from satellite.dsp.reference import Reference
from satellite.listen.leadin import lead_in
from satellite.listen.listener import Listener

# After the hop that fired: the server accepts, and the cue is written.
ACCEPTED_S = 0.02
GAPS_MS = (0, 100, 200, 300)
LEVELS_DB = (0, 10, 20)
BEFORE_S, AFTER_S = 2.0, 1.5
# One that was heard before, in a command without a word.
EARLIER, EARLIER_AT_S = "earlier", 0.3
FEW, MANY = 3, 30
SENTENCES = (
    "turn on the kitchen light",
    "turn off the kitchen light",
    "what time is it",
    "set a timer for five seconds",
    "set a timer for ten seconds",
    "cancel the timer",
)
# A recogniser on a small machine takes its time.
PATIENCE_S = 60


# --- sound ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """A wake word and a command, without a chime.

    Attributes:
        hop, begin: samples at which the wake word was heard, and the command begins.
        sound: of both, and of the room; float64 at 16 kHz.
    """

    said: str
    hop: int
    begin: int
    sound: npt.NDArray[np.float64]


@cache
def _called() -> tuple[npt.NDArray[np.float64], int]:
    """A wake word that is said after 2 s, and where it is heard: 44 ms after its end, or commands were said over it."""
    word = at_level(spoken("en-gb+m2", 180, "alexa"))
    sound = np.concatenate((np.zeros(round(BEFORE_S * RATE_HZ)), word, np.zeros(2 * RATE_HZ)))
    sound += np.random.default_rng(8).normal(0, Room().noise, len(sound))
    hop = live(np.zeros(9, np.int16), sixteen_bits(sound), Room(), ()).hop
    assert hop is not None, "the wake word is not heard"
    return sound, hop


@cache
def _turn(text: str, voice: str, gap_ms: int) -> Turn:
    called, hop = _called()
    command = at_level(spoken(voice, 165, text))
    begin = hop + samples_in(gap_ms)
    sound = np.zeros(begin + len(command) + round(AFTER_S * RATE_HZ))
    sound[: len(called)] += called[: len(sound)]
    sound[len(called) :] += np.random.default_rng(9).normal(0, Room().noise, max(0, len(sound) - len(called)))
    sound[begin : begin + len(command)] += command
    return Turn(text, hop, begin, sound)


def chime(turn: Turn, room: Room, echo_db: float, how: Sequence[str]) -> tuple[Int16, npt.NDArray[np.float64]]:
    """What the speaker plays, at 48 kHz, and what the microphone hears of that: so much louder than the voice."""
    cue = make_cue("awake")
    before = np.zeros(round((turn.hop / RATE_HZ + ACCEPTED_S) * CUE_RATE_HZ), np.int16)
    if EARLIER in how:
        before[round(EARLIER_AT_S * CUE_RATE_HZ) :][: len(cue)] = cue
    played = np.concatenate((before, cue, np.zeros(CUE_RATE_HZ * 3, np.int16)))
    heard = np.resize(room.echo(played), len(turn.sound))
    loud = heard[np.abs(heard) > np.abs(heard).max() / 10]
    return played, heard * LEVEL * 10 ** (echo_db / 20) / np.sqrt((loud**2).mean())


# --- the satellite ----------------------------------------------------------------------------------------------------


@dataclass
class Heard:
    """What came of a turn.

    Attributes:
        hop, begun_at, ended_at: samples; of the wake word, and of the command's speech. None: there was none.
        passed: what the listener heard.
        streamed: the command, as it is sent.
        cpu_ms, held_ms: of the subtraction: what it took in all, and how long sound was held back at most.
    """

    hop: int | None = None
    begun_at: int | None = None
    ended_at: int | None = None
    passed: Int16 = field(default_factory=lambda: np.zeros(0, np.int16))
    streamed: bytearray = field(default_factory=bytearray)
    cpu_ms: float = 0.0
    held_ms: float = 0.0

    def note(self, event: Event) -> None:
        """Of the listener. After the end nothing is sent."""
        if isinstance(event, SpeechStarted):
            self.begun_at = event.at
        elif isinstance(event, SpeechEnded):
            self.ended_at = event.at
        elif isinstance(event, SpeechAudio) and self.ended_at is None:
            self.streamed += event.pcm


@cache
def engine() -> WakeWords:
    alexa = WakeModel("alexa", models.find("alexa", FOLDER), "Alexa")
    return WakeWords([alexa], models.find("melspectrogram", FOLDER), derived.embedding(FOLDER))


@cache
def detector() -> Silero:
    return Silero(models.find("silero_vad", FOLDER))


def live(played: Int16, microphone: Int16, room: Room, how: Sequence[str]) -> Heard:
    """Let a satellite hear this, period by period, as its capture thread would."""
    reference = Reference()
    echo = EchoCanceller(reference, speex.SpeexCanceller()) if "speex" in how else None
    cues = CueCanceller(reference) if "subtracted" in how else None
    ears = Listener(CommandConfig(), engine().fresh(), detector())
    schedule = writes(played, room, reference)
    write_s = next(schedule, np.inf)
    settings, out, passed, position = ListenSettings(), Heard(), [], 0
    for begin in range(0, len(microphone), READ):
        part = microphone[begin : begin + READ]
        now_s = BEGIN_S + (begin + len(part)) / RATE_HZ
        while write_s <= now_s:
            write_s = next(schedule, np.inf)
        if echo:
            # The canceller alone: beside the subtraction it would not begin during a command.
            part = echo.process(part, now_s)
            now_s -= echo.held / RATE_HZ
        if cues:
            began_s = time.thread_time()
            earlier = EARLIER in how and position < BEFORE_S * RATE_HZ
            part = cues.process(part, now_s, wanted=earlier or settings.command is not None)
            out.cpu_ms += (time.thread_time() - began_s) * 1000
            out.held_ms = max(out.held_ms, cues.held * 1000 / RATE_HZ)
        passed.append(part)
        for event in ears.feed(Frame(part, position), settings, playing=False):
            if isinstance(event, WakeDetected) and settings.command is None:
                out.hop = event.at
                settings = ListenSettings(Command(1, event.at))
            out.note(event)
        position += len(part)
    out.passed = np.concatenate(passed)
    return out


def understood(commands: Sequence[Heard], recogniser: str) -> Sequence[str]:
    """What a speech-to-text service makes of these commands, in small letters."""
    try:
        return asyncio.run(_understood(commands, recogniser))
    except (OSError, TimeoutError, ValueError) as error:
        raise SystemExit(f"the recogniser at {recogniser} does not answer: {error or 'it takes too long'}") from error


async def _understood(commands: Sequence[Heard], recogniser: str) -> Sequence[str]:
    texts = []
    for heard in commands:
        async with asyncio.timeout(PATIENCE_S), AsyncClient.from_uri(recogniser) as service:
            await service.write_event(Transcribe(language="en").event())
            await service.write_event(AudioStart(RATE_HZ, 2, 1).event())
            await service.write_event(AudioChunk(RATE_HZ, 2, 1, lead_in(-60) + heard.streamed).event())
            await service.write_event(AudioStop().event())
            texts.append(_plain(await _transcript(service)))
    return texts


async def _transcript(service: AsyncClient) -> str:
    while event := await service.read_event():
        if Transcript.is_type(event.type):
            return Transcript.from_event(event).text
    raise SystemExit("the recogniser hung up without a transcript")


def _plain(text: str) -> str:
    return " ".join("".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").split())


# --- tables -----------------------------------------------------------------------------------------------------------


HOW = {
    "as it is": (),
    "subtracted, the first": ("subtracted",),
    "subtracted, a later one": ("subtracted", EARLIER),
    "SpeexDSP": ("speex",),
}


def over_the_chime(count: int, recogniser: str) -> str:
    """Commands with and without a chime."""
    gaps_ms, levels_db = (GAPS_MS, LEVELS_DB) if count > FEW else (GAPS_MS[:1], LEVELS_DB[:1])
    said, plain = [], []
    for gap_ms in gaps_ms:
        chosen = list(understood_without(count, gap_ms, recogniser))
        said += [turn for turn, _ in chosen]
        plain += [heard for _, heard in chosen]
    rows = []
    for echo_db in levels_db:
        for how in HOW:
            rows.append((how, f"{echo_db:+d} dB", *_cells(said, plain, how, echo_db, recogniser)))
            print(rows[-1], file=sys.stderr, flush=True)
    return table(
        (
            "the chime is",
            "echo",
            f"same text, of {count}: speech {', '.join(map(str, gaps_ms))} ms after the hop",
            "residual, dB: median / worst",
            "voice, dB",
            "command ends later by, ms",
            "held back, ms",
            "CPU, ms",
        ),
        rows,
    )


def understood_without(count: int, gap_ms: int, recogniser: str) -> Iterator[tuple[Turn, Heard]]:
    """So many commands that are understood when there is no chime: a text that is wrong anyway shows nothing."""
    turns = [_turn(text, voice, gap_ms) for voice in VOICES for text in SENTENCES]
    turns = turns if recogniser and count > FEW else turns[:count]
    plain = [live(np.zeros(9, np.int16), sixteen_bits(turn.sound), Room(), ()) for turn in turns]
    texts = understood(plain, recogniser) if recogniser else [turn.said for turn in turns]
    right = [(turn, heard) for turn, heard, text in zip(turns, plain, texts, strict=True) if text == turn.said]
    return islice(right, count)


def _cells(said: Sequence[Turn], plain: Sequence[Heard], how: str, echo_db: float, recogniser: str) -> Iterator[str]:
    """What came of all these turns."""
    heard, residual_db, voice_db = [], [], []
    for turn, without in zip(said, plain, strict=True):
        played, echo = chime(turn, Room(), echo_db, HOW[how])
        one = live(played, sixteen_bits(turn.sound + echo), Room(), HOW[how])
        heard.append(one)
        span = slice(turn.hop, turn.hop + samples_in(600))
        rest = one.passed[span] - without.passed[span].astype(np.float64)
        residual_db.append(10 * np.log10((rest @ rest + 1) / (echo[span] @ echo[span] + 1)))
        command = np.where(np.arange(len(turn.sound)) >= turn.begin, turn.sound, 0)[span]
        voice_db.append(20 * np.log10(abs(float(one.passed[span] @ command)) / float(command @ command)))
    if recogniser:
        same = [text == turn.said for text, turn in zip(understood(heard, recogniser), said, strict=True)]
        each = len(same) // len({turn.begin for turn in said})
        yield ", ".join(str(sum(same[begin : begin + each])) for begin in range(0, len(same), each))
    else:
        yield "not asked"
    yield f"{median(residual_db):.0f} / {max(residual_db):.0f}"
    yield f"{median(voice_db):+.1f}"
    ends = [(one.ended_at or 0) - (without.ended_at or 0) for one, without in zip(heard, plain, strict=True)]
    yield f"{min(ends) * 1000 / RATE_HZ:+.0f} to {max(ends) * 1000 / RATE_HZ:+.0f}"
    yield f"{max(one.held_ms for one in heard):.0f}"
    yield f"{median([one.cpu_ms for one in heard]):.1f}"


ROOMS = {
    "as above": Room(),
    "delay 5 ms": Room(delay_s=0.005),
    "delay 300 ms": Room(delay_s=0.3),
    "direct sound +10 dB": Room(direct_db=10),
    "direct sound -10 dB": Room(direct_db=-10),
    "reverberation 0.5 s": Room(decay_s=0.5),
    "clocks differ by 100 ppm": Room(ppm=100),
}


def in_rooms(_count: int, _recogniser: str) -> str:
    """What is left of the chime where nobody speaks: of the first that the device plays, and of the second."""
    rows = []
    for name, room in ROOMS.items():
        quiet = replace(room, noise=3.0)
        rows.append((name, f"{lowered_db(quiet):.0f}", f"{lowered_db(quiet, known=True):.0f}"))
    return table(("room", "residual of the first chime, dB", "of the second"), rows)


def lowered_db(room: Room, *, known: bool = False) -> float:
    """By how much a chime is lower afterwards than before, where nobody speaks."""
    at_s = 3.0 if known else 0.5
    cue, played = make_cue("awake"), np.zeros(5 * CUE_RATE_HZ, np.int16)
    for begin_s in {0.5, at_s}:
        played[round(begin_s * CUE_RATE_HZ) :][: len(cue)] = cue
    microphone = room.echo(played)[: 5 * RATE_HZ]
    heard = sixteen_bits(microphone + np.random.default_rng(6).normal(0, room.noise, len(microphone)))
    reference = Reference()
    cues, schedule = CueCanceller(reference), writes(played, room, reference)
    write_s, passed = next(schedule, np.inf), []
    for begin in range(0, len(heard), READ):
        now_s = BEGIN_S + min(len(heard), begin + READ) / RATE_HZ
        while write_s <= now_s:
            write_s = next(schedule, np.inf)
        passed.append(cues.process(heard[begin : begin + READ], now_s, wanted=True))
    left = np.concatenate([*passed, cues.flush()]).astype(np.float64)
    span = slice(round(at_s * RATE_HZ), round((at_s + 1.2) * RATE_HZ))
    return 10 * np.log10(float(left[span] @ left[span]) / float(microphone[span] @ microphone[span]))


TABLES: dict[str, Callable[[int, str], str]] = {"commands": over_the_chime, "rooms": in_rooms}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], help="none: all")
    parser.add_argument("--recogniser", default="", metavar="URI", help="a Wyoming speech-to-text service")
    parser.add_argument("--tiny", action="store_true", help="few commands: does it run?")
    parser.add_argument("--write", action="store_true", help="put it into docs/performance.md")
    options = parser.parse_args()
    if why := speex.missing():
        raise SystemExit(why)
    if not options.recogniser:
        print("no recogniser is named (--recogniser URI): what is understood is not counted", file=sys.stderr)
    parts = [TABLES[name](FEW if options.tiny else MANY, options.recogniser) for name in options.tables or TABLES]
    publish("chime", "\n\n".join([conditions("numpy", "onnxruntime"), *parts]), write=options.write)


if __name__ == "__main__":
    main()
