"""`satellite --test-speaker`: plays a sweep and a voice; a microphone tells how loud and how late they were heard."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from satellite.codec.wav import read_wav
from satellite.config import Config
from satellite.control.client import request
from satellite.core.audio import RATE_HZ, AudioFormat, Int16, to_int16
from satellite.core.errors import ControlError, DeviceBusy, DeviceError, EngineMissing, SatelliteError
from satellite.core.places import find_control_path
from satellite.core.ports import Sink
from satellite.device.opening import NONE, open_sink
from satellite.diagnostics import cancelling
from satellite.diagnostics.cancelling import Cancelled, cancel
from satellite.diagnostics.duplex import Playing, Recorder, Recording, play
from satellite.diagnostics.echo import Echo, Figures, Take, findings, measure
from satellite.diagnostics.hearing import find_daemon, listened, opened
from satellite.diagnostics.recording import Stream
from satellite.dsp.canceller import Canceller, open_canceller
from satellite.dsp.convert import Converter
from satellite.dsp.mixer import gain_of
from satellite.dsp.sweep import Sweep

HEALTHY, PROBLEM, COULD_NOT_RUN = 0, 1, 2
DEFAULT_S = 2.0
SHORTEST_S, LONGEST_S = 0.5, 20.0
# A quarter of full scale: louder than an answer, bearable at full volume.
_SWEEP_PEAK = 0.25
# Many microphones begin with a click.
_SETTLE_S = 0.3
_ROOM_S = 1.0
_PAUSE_S = 0.5
# What is on its way through a radio link or a sound server when the card says that all was heard.
_LATE_S = 1.0
_CLIP = "data/demo.wav"
# The words after the wake word: another satellite in the room must not wake.
_VOICE_S = (2.2, 3.8)
# An echo canceller needs some seconds to learn the room, and more than 8 to compare the clocks.
_AGAIN = 5


@dataclass(frozen=True, slots=True)
class _Score:
    """What is played. `pcm`: in the speaker's format."""

    pcm: bytes
    sweep: Sweep
    voice_after_s: float
    voice_s: float


def run(config: Config, *, microphone_asked: bool, seconds: float = DEFAULT_S, as_json: bool = False) -> int:
    """Test the speaker, with the microphone where there is one.

    Args:
        config: the devices and the volume.
        microphone_asked: a person named it; else the test does without where it does not open.
        seconds: length of the sweep.
        as_json: answer for programs.

    Returns:
        0 healthy, 1 a problem was found, 2 it could not run; why has been said.
    """
    say = partial(print, flush=True, file=sys.stderr if as_json else sys.stdout)
    try:
        report = _test(config, microphone_asked, min(max(seconds, SHORTEST_S), LONGEST_S), say)
    except SatelliteError as error:
        print(f"satellite: {_advised(error, config)}", file=sys.stderr)
        return COULD_NOT_RUN
    print(json.dumps(report.values(), indent=2) if as_json else report.page(), flush=True)
    return PROBLEM if report.findings else HEALTHY


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome. `figures`: None without a microphone. `cancelled`: None without an echo canceller, too."""

    speaker: str
    microphone: str
    figures: Figures | None
    findings: Sequence[str]
    cancelled: Cancelled | None = None

    def values(self) -> dict[str, Any]:
        """For programs."""
        figures = asdict(self.figures) if self.figures else None
        return {
            "healthy": not self.findings,
            "speaker": self.speaker,
            "microphone": self.microphone,
            "figures": figures,
            "canceller": asdict(self.cancelled) if self.cancelled else None,
            "findings": list(self.findings),
        }

    def page(self) -> str:
        """For people."""
        lines = [*_table(self.figures)] if self.figures else []
        if self.cancelled:
            lines.append(_row("canceller", str(self.cancelled)))
        if self.findings:
            lines += ["", *(f"- {finding}" for finding in self.findings)]
        elif self.figures:
            lines += ["", "The speaker is well: loud enough, clear, and in time."]
        else:
            lines += ["", "The card took the sound in time. Without a microphone only you know whether it was heard."]
        return "\n".join(lines)


def _table(figures: Figures) -> list[str]:
    lines = [_row("room", f"{figures.noise_dbfs:.0f} dBFS at the microphone")]
    echo = figures.echo
    return [*lines, *_rows(echo)] if echo else lines


def _rows(echo: Echo) -> list[str]:
    bands = "  ".join(f"{_hz(band.low_hz)}-{_hz(band.high_hz)} {round(band.level_db)}" for band in echo.bands)
    return [
        _row("sweep", f"{echo.sweep_dbfs:.0f} dBFS, {echo.above_noise_db:.0f} dB over the room"),
        _row("voice", f"{echo.voice_dbfs:.0f} dBFS"),
        _row("peak", f"{echo.peak_dbfs:.0f} dBFS"),
        _row("latency", f"{echo.latency_ms:.0f} ms from the write until it is heard"),
        _row("echo delay", f"{echo.delay_ms:.0f} ms after the card says that it is heard"),
        _row("distortion", f"{echo.distortion_percent:.1f} %"),
        _row("response", f"{bands} (Hz, dB)"),
    ]


def _row(name: str, text: str) -> str:
    return f"  {name:<11} {text}"


def _hz(hz: float) -> str:
    return f"{hz / 1000:.3g}k" if hz >= 1000 else f"{hz:.0f}"


def _test(config: Config, microphone_asked: bool, seconds: float, say: Any) -> Report:
    sink = open_sink(config.speaker)
    if sink is None:
        raise DeviceError(f'speaker.device is "{NONE}": name a speaker with --speaker')
    with contextlib.closing(sink):
        canceller = _canceller(config, say)
        recorder = _recorder(config, microphone_asked, _length_s(seconds, _AGAIN), say)
        score = _score(sink.format, seconds, config.speaker.volume, again=_AGAIN if recorder and canceller else 0)
        say(f"speaker     {sink.description}, volume {config.speaker.volume} %")
        if recorder:
            say(f"microphone  {recorder.description}")
        say(f"A sweep and a voice: {len(score.pcm) / sink.format.second_bytes:.0f} s of sound. Please be quiet.\n")
        playing, recording = _perform(sink, score, recorder)
        speaker, form = sink.description, sink.format
    if recording is None or recorder is None:
        dry = [f"the speaker ran dry {playing.underruns} times: raise speaker.buffer_ms"] if playing.underruns else []
        return Report(speaker, "", None, dry)
    figures = measure(_take(recording, playing, score), score.sweep)
    found = findings(figures, config.speaker.volume)
    if canceller is None or figures.echo is None:
        return Report(speaker, recorder.description, figures, found)
    cancelled = cancel(recording, playing, form, canceller)
    found += cancelling.findings(cancelled, figures.echo.above_noise_db)
    return Report(speaker, recorder.description, figures, found, cancelled)


def _canceller(config: Config, say: Any) -> Canceller | None:
    """What the satellite would use; None where it has none."""
    if config.microphone.aec == "off":
        return None
    try:
        return open_canceller(config.microphone.aec)
    except EngineMissing as error:
        say(f"No echo canceller: {error}")
        return None


def _recorder(config: Config, asked: bool, seconds: float, say: Any) -> Recorder | None:
    """The microphone, recording; None where there is none and none was asked for."""
    try:
        try:
            return _started(partial(opened, config.microphone), config)
        except DeviceBusy:
            daemon = find_daemon(config)
            if daemon is None or daemon.device != config.microphone.device:
                raise
            return _started(partial(listened, daemon, _SETTLE_S + _ROOM_S + seconds + _LATE_S), config)
    except SatelliteError as error:
        if asked:
            raise
        say(f"Without a microphone: {error}")
        return None


def _started(stream: Callable[[], AbstractContextManager[Stream]], config: Config) -> Recorder:
    recorder = Recorder(stream, config.microphone.channel)
    recorder.start()
    return recorder


def _perform(sink: Sink, score: _Score, recorder: Recorder | None) -> tuple[Playing, Recording | None]:
    if recorder is None:
        return play(sink, score.pcm, _end_when_hung), None
    try:
        recorder.wait(_SETTLE_S + _ROOM_S)
        playing = play(sink, score.pcm, _end_when_hung)
        recorder.wait(_LATE_S)
    except SatelliteError:
        with contextlib.suppress(SatelliteError):
            recorder.finish()
        raise
    return playing, recorder.finish()


def _end_when_hung() -> None:
    print("satellite: the speaker hangs: it takes no more sound", file=sys.stderr, flush=True)
    os._exit(PROBLEM)


def _take(recording: Recording, playing: Playing, score: _Score) -> Take:
    settled = round(_SETTLE_S * RATE_HZ)
    return Take(
        recording=recording.samples[settled:],
        began_s=recording.began_s + _SETTLE_S,
        written_s=playing.written_s,
        dated_s=playing.dated_s,
        voice_after_s=score.voice_after_s,
        voice_s=score.voice_s,
        underruns=playing.underruns,
        overruns=recording.overruns,
    )


def _length_s(seconds: float, again: int) -> float:
    return seconds + _PAUSE_S + (1 + again) * (_VOICE_S[1] - _VOICE_S[0])


def _score(form: AudioFormat, seconds: float, volume_percent: int, *, again: int) -> _Score:
    """A sweep, a pause, a voice, at the volume that is configured; the voice so many times again."""
    sweep = Sweep(seconds)
    swept = to_int16(sweep.samples(form.rate_hz) * np.float32(_SWEEP_PEAK))
    voice = _voice()
    pause = np.zeros(round(_PAUSE_S * form.rate_hz), np.int16)
    converter = Converter(AudioFormat(RATE_HZ, 1, 2), form.rate_hz, 1)
    spoken = np.concatenate((converter.process(np.tile(voice, 1 + again).tobytes()), converter.flush()))[:, 0]
    mono = np.concatenate((swept, pause, spoken))
    quieter = np.rint(mono * gain_of(volume_percent)).astype(np.int16)
    pcm = np.repeat(quieter[:, None], form.channels, axis=1).tobytes()
    return _Score(pcm, sweep, seconds + _PAUSE_S, len(voice) / RATE_HZ)


def _voice() -> Int16:
    with as_file(files("satellite") / _CLIP) as clip:
        _, pcm = read_wav(clip)
    begin, end = (round(at_s * RATE_HZ) for at_s in _VOICE_S)
    return np.frombuffer(pcm, "<i2")[begin:end]


def _advised(error: SatelliteError, config: Config) -> str:
    """The error, and what to do when it is the satellite itself that holds the card."""
    if not isinstance(error, DeviceBusy):
        return str(error)
    try:
        status = request(find_control_path(config.paths.control), "status")
    except ControlError:
        return str(error)
    speaker = status.get("speaker", {})
    return (
        f"{error}. The running satellite {status.get('version', '')} has it open "
        f"(speaker {speaker.get('device', '?')}: {speaker.get('state', '?')}): stop it for the test "
        "(sudo systemctl stop satellite), or let it give the card back when it rests (speaker.release = true)"
    )
