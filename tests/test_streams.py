"""Every stage that sound runs through: how it is cut does not matter, and what goes in comes out or is held.

The stages that take pieces of any size are all run here, the same way. The last test sees that none is forgotten.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise, silence, with_dc
from speech import clip, model

from satellite.config import CommandConfig, ListeningConfig, ProcessingConfig
from satellite.core.audio import RATE_HZ, AudioFormat, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.events import Event, RoomAudio
from satellite.detect.engines import NoWords, Together, WakeEngine
from satellite.detect.microwakeword import MicroModel, MicroWakeWords, missing
from satellite.detect.vad import Silero
from satellite.detect.wakeword import WakeModel, WakeWords
from satellite.dsp.channels import Channels
from satellite.dsp.convert import Converter
from satellite.dsp.gain import Gain
from satellite.dsp.highpass import HighPass
from satellite.dsp.processing import Processing
from satellite.dsp.resample import Resampler
from satellite.dsp.spectrum import PowerSpectra
from satellite.listen.digital_silence import DigitalSilence
from satellite.listen.listener import Listener
from satellite.listen.overload import Overload, Piece
from satellite.listen.preroll import RingBuffer

ROOT = Path(__file__).parent.parent
PIECES = st.lists(st.integers(0, 60_000), max_size=30).map(sorted)
FEW = settings(deadline=None, max_examples=5)


@cache
def sound() -> Int16:
    """A room, a wake word, a command, digital silence, a knock, and an offset on all of it: 4.2 s."""
    parts = [noise(1, -65), clip("hey_jarvis"), noise(0.3, -65, 1), clip("kitchen_light"), silence(0.4)]
    whole = np.concatenate([*parts, noise(0.05, -15, 2), noise(1, -65, 3)])
    return np.concatenate([with_dc(whole[:-8_000], 300), silence(0.5)])


def parts_of(cuts: Sequence[int]) -> list[Int16]:
    return np.split(sound(), [cut for cut in cuts if cut < len(sound())])


# --- sound in, sound out ----------------------------------------------------------------------------------------------


class Sounding(NamedTuple):
    """A stage: what it makes of a piece, what it still gives at the end, and how many samples come for each."""

    process: Callable[[Int16], Int16]
    flush: Callable[[], Int16]
    ratio: float = 1.0


def nothing() -> Int16:
    return np.zeros(0, np.int16)


def processing() -> Sounding:
    stage = Processing(ProcessingConfig(high_pass_hz=20.0, agc="slow", peak_normalise=True), gain_db=6.0)
    return Sounding(lambda piece: stage.process(piece[:, None])[:, 0], lambda: stage.flush()[:, 0])


def high_pass() -> Sounding:
    stage = HighPass(20.0, RATE_HZ, 1)
    return Sounding(lambda piece: stage.process(piece[:, None])[:, 0], nothing)


def converter() -> Sounding:
    stage = Converter(AudioFormat(RATE_HZ, 1, 2), 44_100, 1)
    return Sounding(lambda piece: stage.process(piece.tobytes())[:, 0], lambda: stage.flush()[:, 0], 44_100 / RATE_HZ)


def resampler() -> Sounding:
    stage = Resampler(RATE_HZ, 11_025)
    return Sounding(stage.process, stage.flush, 11_025 / RATE_HZ)


SOUNDING = {
    Processing: processing,
    HighPass: high_pass,
    Converter: converter,
    Resampler: resampler,
    Gain: lambda: Sounding(Gain(9.0).process, nothing),
}


@pytest.mark.parametrize("stage", SOUNDING, ids=lambda stage: stage.__name__)
@FEW
@given(cuts=PIECES)
def test_any_cutting_gives_the_same_samples_and_none_is_lost_or_doubled(stage: type, cuts: list[int]) -> None:
    whole, cut = (passed(SOUNDING[stage](), parts_of(at)) for at in ([], cuts))
    np.testing.assert_array_equal(cut, whole)
    assert abs(len(whole) - len(sound()) * SOUNDING[stage]().ratio) < 1


def passed(stage: Sounding, parts: Sequence[Int16]) -> Int16:
    return np.concatenate([*(stage.process(part) for part in parts), stage.flush()])


# --- sound in, findings out -------------------------------------------------------------------------------------------


@cache
def open_word() -> WakeWords:
    return WakeWords(
        [WakeModel("hey_jarvis", model("hey_jarvis"), "Hey Jarvis")], model("melspectrogram"), model("embedding")
    )


@cache
def micro_word() -> MicroWakeWords:
    if why := missing():
        pytest.skip(why)
    return MicroWakeWords([MicroModel("okay_nabu", model("okay_nabu"), "Okay Nabu", 0.85, 2.0, 5)])


def scores(engine: WakeEngine, parts: Sequence[Int16]) -> list[Any]:
    return [score for part in parts for score in engine.process(part)]


def told(parts: Sequence[Int16]) -> list[Any]:
    """Digital silence of 34 s, and sound after it."""
    stage, at, found = DigitalSilence(), 0, []
    for part in [*(np.zeros_like(part) for _ in range(8) for part in parts), *parts]:
        found += stage.hear(part, at)
        at += len(part)
    return found


def heard(mode: str, parts: Sequence[Int16]) -> list[Any]:
    """All events of a listener, the sound of the room put together."""
    words = open_word().fresh() if mode == "local" else NoWords()
    listener = Listener(CommandConfig(), words, Silero(model("silero_vad")), listening=ListeningConfig(mode=mode))
    events: list[Event] = []
    at = 0
    for part in parts:
        events += listener.feed(Frame(part, at), ListenSettings(), playing=False)
        at += len(part)
    room = b"".join(event.pcm for event in events if isinstance(event, RoomAudio))
    assert mode in ("local", "stream-voice") or len(room) == 2 * (len(sound()) - len(sound()) % 1_280)
    statistics = listener.statistics()
    return [*(event for event in events if not isinstance(event, RoomAudio)), room, statistics.samples, statistics.hops]


def remembered(parts: Sequence[Int16]) -> list[Any]:
    ring = RingBuffer(40_000)
    for part in parts:
        for begin in range(0, len(part), 40_000):
            ring.append(part[begin : begin + 40_000])
    return [ring.end, ring.oldest, ring.read(ring.oldest, ring.end).tobytes()]


def rows(parts: Sequence[Int16]) -> list[Any]:
    spectra = PowerSpectra(512, 256)
    return [np.concatenate([spectra.process(part) for part in parts]).tobytes()]


def figures(parts: Sequence[Int16]) -> list[Any]:
    channels = Channels(1)
    for part in parts:
        channels.feed(part[:, None])
    return list(channels.figures())


def shed(parts: Sequence[Int16]) -> list[Any]:
    overload = Overload([Piece("all", lambda: None, lambda: None)])
    for _ in range(5):
        for part in parts:
            overload.took(len(part), len(part) * 0.05)
    return [overload.shed, round(overload.p95_ms, 6)]


FINDING: dict[str, Callable[[Sequence[Int16]], list[Any]]] = {
    "WakeWords": lambda parts: scores(open_word().fresh(), parts),
    "MicroWakeWords": lambda parts: scores(micro_word().fresh(), parts),
    "Together": lambda parts: scores(Together([open_word().fresh(), micro_word().fresh()]), parts),
    "DigitalSilence": told,
    "RingBuffer": remembered,
    "PowerSpectra": rows,
    "Channels": figures,
    "Overload": shed,
    "Listener, local": lambda parts: heard("local", parts),
    "Listener, stream": lambda parts: heard("stream", parts),
    "Listener, stream-voice": lambda parts: heard("stream-voice", parts),
    "Listener, service": lambda parts: heard("service", parts),
}


@pytest.mark.parametrize("stage", FINDING)
@FEW
@given(cuts=PIECES)
def test_any_cutting_gives_the_same_findings(stage: str, cuts: list[int]) -> None:
    expected = FINDING[stage]([sound()])
    assert any(expected), "something is found at all"
    assert FINDING[stage](parts_of(cuts)) == expected


# --- and no stage is forgotten ----------------------------------------------------------------------------------------

# What a stage is known by: it takes sound, or what was made of sound, piece by piece.
TAKES = {"process", "feed", "hear", "append", "advance", "push", "of", "take", "took", "mix", "wrote"}
# Held to it by a test of their own.
BY_ITSELF = {
    "EchoCanceller": "tests/dsp/test_echo.py::test_any_cutting_gives_the_same_samples_and_as_many",
    "CueCanceller": "tests/dsp/test_cue_echo.py::test_any_cutting_gives_the_same_samples_and_as_many",
    "Mixer": "tests/dsp/test_mixer.py::test_however_the_sounds_are_cut_up_the_sum_is_the_same",
    "Fader": "tests/dsp/test_fader.py::test_however_the_sound_is_cut_up_each_frame_has_the_same_gain",
    "CommandStream": "tests/listen/test_command.py::test_neither_the_cutting_nor_a_late_request_changes_what_is_sent",
    "RoomStream": "tests/listen/test_room.py::test_it_does_not_matter_how_the_sound_is_cut",
    "WakeWatch": (
        "tests/listen/test_watch.py::test_neither_the_cutting_changes_anything_nor_is_a_hop_heard_twice_or_forgotten"
    ),
    "Overhearing": "tests/listen/test_overhear.py::test_frames_do_not_matter",
    "Reference": "tests/dsp/test_reference.py::test_another_rate_and_more_channels_are_converted_and_not_shifted",
}
# Always given pieces of one size, by a stage that is run here.
WHOLE = {
    "blocks of 10 ms, by Processing": {"Limiter", "PeakNormaliser", "SlowGain", "Stage"},
    "blocks of 10 ms, by EchoCanceller": {"SpeexCanceller", "Canceller", "Shifter"},
    "windows of 32 ms, by Listener": {"Silero", "Gate", "SpeechTrack", "VoiceEndpointer", "NoiseFloor"},
    "hops, by WakeWords": {
        "Embedding",
        "WholeEmbedding",
        "IncrementalEmbedding",
        "Spectrogram",
        "GraphSpectrogram",
        "FastSpectrogram",
        "Window",
        "WakeEngine",
    },
    "windows of 30 ms, by the library's detectors (tests/library/test_speaking.py)": {"SmallVad"},
    "scores of hops, by Listener": {"Trigger"},
    "nothing is heard": {"NoWords"},
}


def classes(layer: str) -> Iterator[tuple[str, set[str]]]:
    for path in sorted((ROOT / "satellite" / layer).glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, {part.name for part in node.body if isinstance(part, ast.FunctionDef)}


def test_no_stage_is_forgotten() -> None:
    run_here = {stage.__name__ for stage in SOUNDING} | {name.split(",")[0] for name in FINDING}
    known = {*run_here, *BY_ITSELF, *(name for names in WHOLE.values() for name in names)}
    stages = {name for layer in ("dsp", "detect", "listen") for name, has in classes(layer) if has & TAKES}
    assert stages - known == set(), "run it here, or say where it is held to it"
    for test in BY_ITSELF.values():
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(), test
