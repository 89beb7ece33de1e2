"""The result of a microphone test as one HTML page: no script, nothing fetched, no sound in it."""

from __future__ import annotations

from html import escape
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from satellite import __version__
from satellite.core.audio import FRAME_SAMPLES, RATE_HZ, seconds
from satellite.diagnostics import drawing
from satellite.diagnostics.drawing import Axes, Axis, Line
from satellite.diagnostics.examination import WINDOW_S, Examination, rows
from satellite.diagnostics.measure import SPECTROGRAM_HOP
from satellite.diagnostics.verdict import Finding, Severity, level_text

Floats = npt.NDArray[np.float64]

# More points than a screen has pixels help nobody.
_MOST_POINTS = 1000
_MOST_COLUMNS, _BANDS = 900, 128
_LOUD_DB, _SILENT_DB = -25.0, -105.0
_SHARE = Axis(0.0, 1.0, [(0.0, "0"), (0.5, "0.5"), (1.0, "1")])
_DBFS = Axis(-90.0, 0.0, [(-80.0, "-80"), (-60.0, "-60"), (-40.0, "-40"), (-20.0, "-20"), (0.0, "0")])
# The waveform is shown enlarged when it is small.
_SCALES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_KHZ = Axis(0.0, 8.0, [(0.0, "0"), (2.0, "2"), (4.0, "4"), (6.0, "6"), (8.0, "8")])
_WORD_COLOURS = 4
_FOOTER = (
    "What the satellite hears: the chosen channel, or the mean of all, at 16 kHz. "
    "This page holds pictures of the sound, not the sound."
)


def render(result: Examination) -> str:
    """The page. Texts that come from outside are escaped."""
    duration = f"{result.figures.duration_s:.1f} s"
    form = result.recording.stream.format
    where = f"{escape(result.recording.stream.description)} &middot; {duration}, {form.channels} channel(s)"
    kind = "good" if result.healthy else "bad"
    parts = [
        f'<header class="{kind}"><h1>{escape(result.headline)}</h1><p>{where}</p></header>',
        _findings(result.findings, result.notes),
        f'<div class="two">{_figures(result)}{_channels(result)}</div>',
        f'<div class="charts"><h2>Over time, in seconds</h2>{_charts(result)}</div>',
        f"<footer>{_FOOTER} satellite {escape(__version__)} --test-mic</footer>",
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Microphone test: {escape(result.headline)}</title><style>{_style()}</style></head>\n"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _style() -> str:
    with (files("satellite.diagnostics") / "report.css").open(encoding="utf-8") as file:
        return file.read() + f".scale span{{background:{drawing.css_gradient()}}}"


def _findings(findings: tuple[Finding, ...], notes: tuple[str, ...]) -> str:
    lines = [
        f'<li class="{finding.severity}"><b>{escape(finding.text)}</b><span>{escape(finding.advice)}</span></li>'
        for finding in findings
    ]
    lines += [f'<li class="{Severity.HINT}">{escape(note)}</li>' for note in notes]
    return f'<section class="card"><h2>What was found</h2><ul>{"".join(lines)}</ul></section>' if lines else ""


def _figures(result: Examination) -> str:
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows(result))
    return f'<section class="card"><h2>Figures</h2><dl>{pairs}</dl></section>'


def _channels(result: Examination) -> str:
    channels = result.figures.channels
    if len(channels) < 2:
        return ""
    lines = "".join(
        f"<tr><td>{number}</td><td>{level_text(channel.level_dbfs)}</td><td>{level_text(channel.peak_dbfs)}</td>"
        f"<td>{channel.dc_percent:+.2f} %</td><td>{channel.clipped:,}</td></tr>"
        for number, channel in enumerate(channels)
    )
    head = "<tr><th>channel</th><th>level</th><th>peak</th><th>DC</th><th>clipped</th></tr>"
    table = f'<div class="wide"><table>{head}{lines}</table></div>'
    return f'<section class="card"><h2>Channels</h2>{table}</section>'


# --- charts -----------------------------------------------------------------------------------------------------------


def _charts(result: Examination) -> str:
    across = drawing.time_axis(result.figures.duration_s)
    charts = [_waveform(result, across), _levels(result, across), _spectrogram(result, across)]
    if result.traces.speech.size:
        charts.append(_speech(result, across))
    if result.traces.score_at_s.size:
        charts.append(_wake_words(result, across))
    return "".join(charts)


def _waveform(result: Examination, across: Axis) -> str:
    traces = result.traces
    peak = max(-traces.lowest.min(initial=0.0), traces.highest.max(initial=0.0))
    scale = next(scale for scale in _SCALES if peak <= 0.9 * scale or scale == _SCALES[-1])
    axes = Axes(across, Axis(-scale, scale, [(-scale, f"-{scale:g}"), (0.0, "0"), (scale, f"{scale:g}")]))
    lowest, highest = _pooled(traces.lowest, np.minimum), _pooled(traces.highest, np.maximum)
    times = _times(len(traces.lowest), len(lowest), seconds(FRAME_SAMPLES))
    spans = result.recording.spans if len(result.recording.spans) > 1 else {}
    kinds = ("asked a", "asked b", "asked c")
    asked = (drawing.span(begin, end, across, kind) for (begin, end), kind in zip(spans.values(), kinds, strict=False))
    names = drawing.captions([(begin, name) for name, (begin, _) in spans.items()], across)
    shapes = "".join(asked) + drawing.area(times, lowest, highest, axes, "wave")
    ends = (Line(1.0, "full scale", "limit"), Line(-1.0, "", "limit")) if scale == 1.0 else ()
    return drawing.chart("Waveform", "full scale = 1", shapes, axes, ends, inside=names)


def _levels(result: Examination, across: Axis) -> str:
    axes = Axes(across, _DBFS)
    figures, levels = result.figures, _pooled(result.traces.levels_dbfs, np.maximum)
    times = _times(len(result.traces.levels_dbfs), len(levels), WINDOW_S)
    lines = []
    if figures.speech_dbfs is not None:
        lines.append(Line(figures.speech_dbfs, f"speech {figures.speech_dbfs:.0f}", "voice"))
    if figures.noise_dbfs is not None:
        lines.append(Line(figures.noise_dbfs, f"noise floor {figures.noise_dbfs:.0f}", "noise"))
    return drawing.chart("Level", "dBFS", drawing.curve(times, levels, axes, "loud"), axes, lines)


def _spectrogram(result: Examination, across: Axis) -> str:
    axes = Axes(across, _KHZ)
    rows = result.traces.spectrogram_db.astype(np.float64)
    if not len(rows):
        return ""
    bands = rows[:, 1:].reshape(len(rows), _BANDS, -1).max(axis=2)
    columns = np.stack([_pooled(band, np.maximum, _MOST_COLUMNS) for band in bands.T[::-1]])
    shapes = drawing.image((columns - _SILENT_DB) / (_LOUD_DB - _SILENT_DB))
    # The picture ends where its last column does.
    part = min(1.0, len(rows) * SPECTROGRAM_HOP / RATE_HZ / across.high)
    shapes = f'<g transform="scale({part:.4f} 1)">{shapes}</g>'
    chart = drawing.chart("Spectrogram", "kHz", shapes, axes, tall=200)
    return f'{chart}<p class="scale">{_SILENT_DB:.0f} dBFS<span></span>{_LOUD_DB:.0f} dBFS</p>'


def _speech(result: Examination, across: Axis) -> str:
    axes = Axes(across, _SHARE)
    speech = _pooled(result.traces.speech, np.maximum)
    times = _times(len(result.traces.speech), len(speech), WINDOW_S)
    threshold = Line(result.vad_threshold, f"threshold {result.vad_threshold:g}", "limit")
    spoken = (drawing.span(begin, end, across, "speaking") for begin, end in result.utterances)
    shapes = "".join(spoken) + drawing.curve(times, speech, axes, "said")
    return drawing.chart("Speech", "probability, Silero; shaded: an utterance", shapes, axes, [threshold], tall=90)


def _wake_words(result: Examination, across: Axis) -> str:
    axes = Axes(across, _SHARE)
    traces, lines = result.traces, list[Line]()
    curves, names = [], []
    for number, word in enumerate(result.figures.wake_words):
        kind = f"w{number % _WORD_COLOURS}"
        scores = traces.scores[word.name]
        curves.append(drawing.curve(traces.score_at_s, scores, axes, kind))
        # Of thresholds that are the same, one label is enough.
        new = word.threshold not in (line.at for line in lines)
        lines.append(Line(word.threshold, f"threshold {word.threshold:g}" if new else "", kind))
        names.append((kind, f"{word.phrase}, best {word.best_score:.2f}"))
    chart = drawing.chart("Wake word", "score", "".join(curves), axes, lines, tall=90)
    return chart + drawing.legend(names)


def _pooled(values: Floats, pool: np.ufunc, most: int = _MOST_POINTS) -> Floats:
    """At most so many values: the highest, or lowest, of each stretch."""
    if len(values) <= most:
        return values
    bounds = np.linspace(0, len(values), most + 1).astype(int)[:-1]
    pooled: Floats = pool.reduceat(values, bounds)
    return pooled


def _times(count: int, pooled: int, step_s: float) -> Floats:
    """The middle of each of `pooled` stretches of `count` values."""
    return (np.arange(pooled) + 0.5) * count * step_s / max(1, pooled)
