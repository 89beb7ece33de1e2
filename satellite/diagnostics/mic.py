"""`satellite --test-mic`: hear the microphone, say what it is like, and what to change."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from satellite.app import build
from satellite.config import Config
from satellite.core.errors import AudioFormatError, DeviceBusy, DeviceUnsupported, ModelError, SatelliteError
from satellite.core.places import expanded
from satellite.diagnostics import examination
from satellite.diagnostics.examination import Examination
from satellite.diagnostics.hearing import Daemon, find_daemon, in_force, listened, opened, recorded
from satellite.diagnostics.measure import Ears, Measure, utterances
from satellite.diagnostics.meter import Meter
from satellite.diagnostics.recording import LIMIT_BYTES, Phase, Recording, Stream, record
from satellite.diagnostics.verdict import Conditions, judge
from satellite.dsp.convert import check

SECONDS = 10.0
LONGEST_S = 300.0
GUIDED = (
    Phase("quiet", 3.0, "1 of 3: be quiet, please, for 3 seconds"),
    Phase("speech", 6.0, "2 of 3: now speak, at your usual place, for 6 seconds"),
    Phase("wake word", 8.0, "3 of 3: now say {phrase} three times, with a pause after each"),
)
EXIT_PROBLEM = 1
_FEED_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for.

    Attributes:
        device: the microphone, when one was named; None: the one of the running satellite, else the configured one.
        file: a recording instead.
        seconds: for how long; None: guided on a terminal, else SECONDS.
        json: print JSON and nothing else.
        report: file for the HTML page, or None.
    """

    device: str | None = None
    file: str | None = None
    seconds: float | None = None
    json: bool = False
    report: str | None = None


def run(config: Config, wish: Wish) -> int:
    """Test a microphone, or a recording, and say what was found.

    Returns:
        0 healthy, EXIT_PROBLEM.

    Raises:
        SatelliteError: it could not be done; the text says why.
    """
    _check(wish)
    report = _writable(wish.report) if wish.report else None
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    guided = terminal and not wish.json and wish.seconds is None and wish.file is None
    with contextlib.ExitStack() as stack:
        daemon = find_daemon(config) if wish.file is None else None
        if daemon:
            config = in_force(config, daemon)
        phases = _phases(config, wish, guided=guided)
        stream = stack.enter_context(_stream(config, wish, daemon, sum(phase.seconds for phase in phases)))
        _expect_convertible(stream)
        recording = _record(stream, phases, shown=sys.stdout.isatty() and not wish.json)
    result = examine(recording, config, guided=guided)
    print(examination.as_json(result) if wish.json else examination.page(result, fancy=_is_fancy()), end="")
    if report:
        from satellite.diagnostics.report import render

        _write(report, render(result))
        if not wish.json:
            print(f"\nThe report is in {report}")
    return 0 if result.healthy else EXIT_PROBLEM


def examine(recording: Recording, config: Config, *, guided: bool = False) -> Examination:
    """Measure a recording with the models of the configuration, as far as they are there, and judge it."""
    ears, notes = _ears(config)
    form = recording.stream.format
    channel = config.microphone.channel if config.microphone.channel < form.channels else -1
    measure = Measure(form, channel, ears)
    step = max(1, _FEED_BYTES // form.frame_bytes) * form.frame_bytes
    for begin in range(0, len(recording.pcm), step):
        measure.feed(recording.pcm[begin : begin + step])
    measure.finish()
    conditions = Conditions(
        place=recording.stream.place,
        rate_hz=form.rate_hz,
        rate=recording.rate,
        overruns=recording.overruns,
        dropped_s=recording.dropped_s,
        muted=recording.muted,
        guided=guided,
        channel=channel,
    )
    figures = measure.figures(recording.spans.get("quiet"))
    if figures.duration_s >= LONGEST_S or len(recording.pcm) >= LIMIT_BYTES:
        notes = (*notes, f"only the first {figures.duration_s:.0f} s were heard: more is not needed")
    traces, command = measure.traces(), config.command
    return Examination(
        recording,
        figures,
        traces,
        conditions,
        judge(figures, conditions),
        command.vad_threshold,
        utterances(traces.speech >= command.vad_threshold, command.min_speech_ms / 1000, command.end_silence_ms / 1000),
        notes,
    )


def _ears(config: Config) -> tuple[Ears, tuple[str, ...]]:
    """What hears speech and wake words; what is not there is noted."""
    ears, notes = Ears(), []
    try:
        ears = replace(ears, speech=build.speech_detector(config).process, threshold=config.command.vad_threshold)
    except (ModelError, ModuleNotFoundError) as error:
        notes.append(f"speech is told by its level only: {error}")
    try:
        engine = build.wake_words(config)
        ears = replace(ears, scores=engine.process, words=tuple(engine.models))
    except (ModelError, ModuleNotFoundError) as error:
        notes.append(f"no wake-word scores: {error}")
    return ears, tuple(notes)


# --- what is asked ----------------------------------------------------------------------------------------------------


def _check(wish: Wish) -> None:
    if wish.file is not None and wish.device is not None:
        raise SatelliteError("--mic and --file together: one of them, please")
    if wish.seconds is not None and not 0 < wish.seconds <= LONGEST_S:
        raise SatelliteError(f"--seconds {wish.seconds:g}: must be more than 0 and at most {LONGEST_S:g}")


def _writable(name: str) -> Path:
    """See that the report can be written before somebody speaks for a quarter of a minute."""
    path = expanded(name)
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise SatelliteError(f"--report {name}: cannot be written: {error.strerror}") from None
    return path


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SatelliteError(f"--report {path}: cannot be written: {error.strerror}") from None


def _phases(config: Config, wish: Wish, *, guided: bool) -> tuple[Phase, ...]:
    if not guided:
        return (Phase("all", wish.seconds or (SECONDS if wish.file is None else LONGEST_S)),)
    said = " or ".join(build.phrase(word) for word in config.wake_word)
    return tuple(replace(phase, prompt=phase.prompt.format(phrase=f'"{said}"')) for phase in GUIDED)


def _expect_convertible(stream: Stream) -> None:
    try:
        check(stream.format)
    except AudioFormatError as error:
        raise DeviceUnsupported(f"{stream.description}: {error}") from None


# --- what is heard and shown ------------------------------------------------------------------------------------------


def _stream(config: Config, wish: Wish, daemon: Daemon | None, seconds: float) -> AbstractContextManager[Stream]:
    """The recording, the running satellite's microphone, or a microphone that we open."""
    if wish.file is not None:
        return recorded(expanded(wish.file))
    if daemon and wish.device in (None, daemon.device):
        return listened(daemon, seconds)
    try:
        return opened(config.microphone)
    except DeviceBusy as error:
        if daemon is None:
            raise
        raise DeviceBusy(f"{error}; without --mic the running satellite's microphone is tested") from None


def _record(stream: Stream, phases: Sequence[Phase], *, shown: bool) -> Recording:
    if not shown:
        return record(stream, phases, lambda _phase, _left_s, _pcm: None)
    meter = Meter(_say, stream.format, fancy=_is_fancy())
    _say(f"Listening to {stream.description}\n")
    asked: set[str] = set()

    def show(phase: Phase, left_s: float, pcm: bytes) -> None:
        if phase.prompt and phase.name not in asked:
            asked.add(phase.name)
            meter.clear()
            _say(f"{phase.prompt}\n")
        meter.hear(pcm, f"{left_s:3.0f} s")

    try:
        return record(stream, phases, show)
    finally:
        meter.clear()


def _say(text: str) -> None:
    print(text, end="", flush=True)


def _is_fancy() -> bool:
    """The output knows block letters."""
    try:
        "█▁".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
