"""The result of a microphone test, as a page for a terminal and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from satellite.core.audio import seconds
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.detect.wakeword import HOP_SAMPLES
from satellite.diagnostics.measure import Figures, Span, Traces, WakeFigures
from satellite.diagnostics.meter import sparkline
from satellite.diagnostics.recording import Recording
from satellite.diagnostics.verdict import Conditions, Finding, Severity, is_healthy, level_text

# Of the JSON: raised when something that was there changes its name or meaning.
FORM_VERSION = 1
_COLUMNS = 60
WINDOW_S, HOP_S = seconds(WINDOW_SAMPLES), seconds(HOP_SAMPLES)


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything about one test.

    Attributes:
        vad_threshold: probability from which sound counts as speech.
        utterances: from when to when somebody spoke, with the pauses that the configuration allows.
        notes: what could not be done, for a person.
    """

    recording: Recording
    figures: Figures
    traces: Traces
    conditions: Conditions
    findings: tuple[Finding, ...]
    vad_threshold: float
    utterances: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Nothing that was found is a problem."""
        return is_healthy(self.findings)

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        problems = sum(finding.severity is Severity.PROBLEM for finding in self.findings)
        if problems:
            return "1 problem found" if problems == 1 else f"{problems} problems found"
        if any(finding.code == "no_speech" for finding in self.findings):
            return "Nothing wrong found, but nobody spoke"
        return "The microphone is healthy"


def rows(result: Examination) -> Iterator[tuple[str, str]]:
    """Names and values of the figures, for a person."""
    figures, conditions = result.figures, result.conditions
    yield "level", f"{level_text(figures.level_dbfs)}, peak {level_text(figures.peak_dbfs)}"
    yield "noise floor", level_text(figures.noise_dbfs)
    if figures.speech_dbfs is not None and figures.snr_db is not None:
        yield "speech", f"{level_text(figures.speech_dbfs)}, {figures.speech_s:.1f} s of it"
        yield "speech to noise", f"{figures.snr_db:.0f} dB"
    else:
        yield "speech", "none recognised"
    if figures.channels:
        clipped = max(figures.channels, key=lambda channel: channel.clipped)
        yield "clipping", f"{clipped.clipped:,} samples" if clipped.clipped else "none"
        offset = max((channel.dc_percent for channel in figures.channels), key=abs)
        yield "DC offset", f"{offset:+.2f} % of full scale"
    hum = figures.hum
    yield "hum", f"{hum.mains_hz} Hz, {level_text(hum.dbfs)}" if hum else "none"
    yield "sample rate", _rate_text(conditions)
    yield "lost sound", f"{conditions.overruns} xruns" if conditions.overruns else "none"
    for word in figures.wake_words:
        yield word.phrase, wake_text(word)


def wake_text(word: WakeFigures) -> str:
    """How a wake word was heard, for a person."""
    if word.best_at_s is None:
        return "not looked for: the sound is too short"
    times = {0: "not heard", 1: "heard once"}.get(word.heard, f"heard {word.heard} times")
    return f"{times}; best score {word.best_score:.2f} at {word.best_at_s:.1f} s, threshold {word.threshold:g}"


def page(result: Examination, *, fancy: bool = True) -> str:
    """The result for a terminal."""
    lines = [f"Microphone: {result.recording.stream.description}, {result.figures.duration_s:.1f} s", ""]
    lines += _table(list(rows(result)))
    if len(result.figures.channels) > 1:
        lines += ["", *_channel_lines(result.figures)]
    lines += ["", *_traces(result, fancy)] if result.traces.speech.size or result.traces.score_at_s.size else []
    lines += ["", f"{result.headline}."]
    for finding in result.findings:
        mark = "!" if finding.severity is Severity.PROBLEM else "-"
        lines += [f"  {mark} {finding.text}", f"    -> {finding.advice}"]
    lines += [f"  ({note})" for note in result.notes]
    return "\n".join(lines) + "\n"


def as_json(result: Examination) -> str:
    """The result for programs; docs/test-mic.md describes it."""
    conditions, stream, traces = result.conditions, result.recording.stream, result.traces
    message = {
        "version": FORM_VERSION,
        "healthy": result.healthy,
        "headline": result.headline,
        "findings": [asdict(finding) for finding in result.findings],
        "figures": {
            **asdict(result.figures),
            "hum": result.figures.hum._asdict() if result.figures.hum else None,
            "real_rate_hz": conditions.rate.hz if conditions.rate else None,
            "overruns": conditions.overruns,
            "missed_by_test_s": conditions.dropped_s,
        },
        "source": {
            "description": stream.description,
            "live": stream.live,
            "rate_hz": stream.format.rate_hz,
            "channels": stream.format.channels,
            "muted": conditions.muted,
            "guided": conditions.guided,
        },
        "traces": {
            "speech": {
                "step_s": WINDOW_S,
                "threshold": result.vad_threshold,
                "values": traces.speech.tolist(),
                "utterances": list(result.utterances),
            },
            "level_dbfs": {"step_s": WINDOW_S, "values": traces.levels_dbfs.tolist()},
            "wake_words": {
                name: {
                    "step_s": HOP_S,
                    "first_s": float(traces.score_at_s[0]) if scores.size else None,
                    "values": scores.tolist(),
                }
                for name, scores in traces.scores.items()
            },
        },
        "notes": list(result.notes),
    }
    return json.dumps(_rounded(message), indent=2, allow_nan=False) + "\n"


def _rate_text(conditions: Conditions) -> str:
    if conditions.rate is None:
        return f"{conditions.rate_hz:,} Hz (not measured)"
    ppm = 1e6 * (conditions.rate.hz / conditions.rate_hz - 1)
    return f"{conditions.rate_hz:,} Hz; really {conditions.rate.hz:,.0f} Hz ({round(ppm):+d} ppm)"


def _table(pairs: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in pairs)
    return [f"  {name:<{width}}  {value}" for name, value in pairs]


def _channel_lines(figures: Figures) -> list[str]:
    return [
        f"  channel {number}  {level_text(channel.level_dbfs):>11}, peak {level_text(channel.peak_dbfs):>11}, "
        f"DC {channel.dc_percent:+.2f} %, {channel.clipped:,} clipped"
        for number, channel in enumerate(figures.channels)
    ]


def _traces(result: Examination, fancy: bool) -> list[str]:
    traces = result.traces
    # A score belongs to the 80 ms before its time; where there was none yet, there is nothing to draw.
    cold = [0.0] * round(traces.score_at_s[0] / HOP_S - 1) if traces.score_at_s.size else []
    lines = {"speech": traces.speech.tolist()}
    lines |= {name: cold + scores.tolist() for name, scores in traces.scores.items()}
    columns = min([_COLUMNS, *(len(values) for values in lines.values() if values)])
    return _table([(name, f"|{sparkline(line, columns, fancy=fancy)}|") for name, line in lines.items() if line])


def _rounded(value: Any) -> Any:
    """Three digits behind the point are more than can be measured; JSON has no word for what is not finite."""
    match value:
        case float():
            return round(value, 3) if math.isfinite(value) else None
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
    return value
