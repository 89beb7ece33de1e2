"""What a recording is like: frames in, figures out. Nothing here knows a device, a clock or a screen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from satellite.core.audio import FRAME_SAMPLES, RATE_HZ, SILENCE_DBFS, AudioFormat, Int16, samples_of, seconds
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.detect.wakeword import Scores, WakeModel
from satellite.dsp.channels import ChannelFigures, Channels, dbfs
from satellite.dsp.convert import Converter
from satellite.dsp.level import FULL_SCALE
from satellite.dsp.spectrum import HUM_WINDOW, Hum, PowerSpectra, find_hum

# Breath and echo beside speech are neither speech nor the room.
_BESIDE_SPEECH_WINDOWS = 6
_FEWEST_WINDOWS = 8
# Two capsules a centimetre apart in the same housing reach 0.98.
_ALIKE = 0.9995
# Without a speech detector: so much above the quietest tenth.
_LOUD_DB = 10.0
# A score that falls below its threshold and comes again within this is the same utterance.
_SAME_UTTERANCE_S = 0.8
SPECTROGRAM_WINDOW = 512
SPECTROGRAM_HOP = 256

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class WakeFigures:
    """A wake word in a recording.

    Attributes:
        threshold: score from which it counts as heard.
        best_score, best_at_s: the highest, and when; 0 and None when there were no scores.
        heard: how often it reached the threshold.
    """

    name: str
    phrase: str
    threshold: float
    best_score: float
    best_at_s: float | None
    heard: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. Levels are root mean squares without the offset; None: it could not be measured.

    Attributes:
        duration_s: of the recording.
        channels: each as the device gave it.
        twins, inverses: pairs of channels that carry the same sound, or the same upside down.
        level_dbfs, peak_dbfs: of what the satellite hears: the chosen channel, or the mean of all.
        noise_dbfs: the room when nobody speaks.
        speech_dbfs, speech_s: speech, the noise with it, and how much of it there was.
        snr_db: speech above noise.
        hum: mains hum in the quieter parts.
        wake_words: one for each that was listened for.
    """

    duration_s: float
    channels: tuple[ChannelFigures, ...]
    twins: tuple[tuple[int, int], ...]
    inverses: tuple[tuple[int, int], ...]
    level_dbfs: float
    peak_dbfs: float
    noise_dbfs: float | None
    speech_dbfs: float | None
    speech_s: float
    snr_db: float | None
    hum: Hum | None
    wake_words: tuple[WakeFigures, ...]


@dataclass(frozen=True, slots=True)
class Traces:
    """The recording over time.

    Attributes:
        lowest, highest: samples of each 16 ms, full scale 1.
        levels_dbfs: of each 32 ms.
        speech: probability for each 32 ms; empty without a speech detector.
        scores: of each wake word, for each 80 ms that ends at `score_at_s`.
        spectrogram_db: rows of PowerSpectra(SPECTROGRAM_WINDOW, SPECTROGRAM_HOP), in dB below a full-scale sine.
    """

    lowest: Floats
    highest: Floats
    levels_dbfs: Floats
    speech: Floats
    score_at_s: Floats
    scores: Mapping[str, Floats]
    spectrogram_db: npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Ears:
    """What listens besides the level meters; None and empty: the models are not there.

    Attributes:
        speech: probability that the next WINDOW_SAMPLES hold speech.
        threshold: probability from which a window counts as speech.
        scores: of the wake words, after any samples.
        words: those that are listened for.
    """

    speech: Callable[[Int16], float] | None = None
    threshold: float = 0.5
    scores: Callable[[Int16], Sequence[Scores]] | None = None
    words: Sequence[WakeModel] = field(default=())


class Measure:
    """Hears a recording once; the figures and traces do not depend on how it is cut.

    Args:
        form: of the sound that will be fed.
        channel: the one that the satellite hears; -1: the mean of all.
        ears: listen to the same.

    Raises:
        AudioFormatError: there is no such channel, or the rate cannot be converted.
    """

    def __init__(self, form: AudioFormat, channel: int = -1, ears: Ears = Ears()) -> None:
        self._form = form
        self._ears = ears
        self._channels = Channels(form.channels)
        self._heard = Channels(1)
        self._converter = Converter(form, RATE_HZ, 1, channel)
        self._picture = PowerSpectra(SPECTROGRAM_WINDOW, SPECTROGRAM_HOP)
        self._low = PowerSpectra(HUM_WINDOW, HUM_WINDOW // 2)
        self._frames = 0
        self._windows = _Pieces(WINDOW_SAMPLES)
        self._shapes = _Pieces(FRAME_SAMPLES)
        self._levels: list[float] = []
        self._extremes: list[tuple[float, float]] = []
        self._speech: list[float] = []
        self._scores: list[Scores] = []
        self._columns: list[npt.NDArray[np.float16]] = []
        self._hum_rows: list[npt.NDArray[np.float32]] = []

    def feed(self, pcm: bytes) -> None:
        """Hear whole frames of 16-bit PCM."""
        frames = samples_of(pcm).reshape(-1, self._form.channels)
        self._frames += len(frames)
        self._channels.feed(frames)
        self._hear(self._converter.process(pcm)[:, 0])

    def finish(self) -> None:
        """The recording is over: what the converter still holds."""
        self._hear(self._converter.flush()[:, 0])

    def _hear(self, samples: Int16) -> None:
        self._heard.feed(samples[:, None])
        for piece in self._shapes.process(samples):
            self._extremes.append((int(piece.min()) / FULL_SCALE, int(piece.max()) / FULL_SCALE))
        for window in self._windows.process(samples):
            self._levels.append(dbfs(float(np.std(window)) / FULL_SCALE))
            if self._ears.speech:
                self._speech.append(self._ears.speech(window))
        if self._ears.scores:
            self._scores += self._ears.scores(samples)
        self._columns.append(_in_db(self._picture.process(samples)))
        self._hum_rows.append(self._low.process(samples))

    def traces(self) -> Traces:
        """The recording over time."""
        extremes = np.array(self._extremes).reshape(-1, 2)
        return Traces(
            lowest=extremes[:, 0],
            highest=extremes[:, 1],
            levels_dbfs=np.array(self._levels),
            speech=np.array(self._speech),
            score_at_s=np.array([seconds(scores.at) for scores in self._scores]),
            scores={
                word.name: np.array([scores.by_name[word.name] for scores in self._scores]) for word in self._ears.words
            },
            spectrogram_db=np.concatenate([np.zeros((0, SPECTROGRAM_WINDOW // 2 + 1), np.float16), *self._columns]),
        )

    def figures(self, quiet: Span | None = None) -> Figures:
        """All figures.

        Args:
            quiet: seconds in which nobody spoke, where that is known.
        """
        levels, speaking = np.array(self._levels), self._speaking()
        noise_dbfs = _noise(levels, speaking, quiet)
        speech_dbfs = _mean_dbfs(levels[speaking]) if speaking.sum() >= _FEWEST_WINDOWS else None
        traces = self.traces()
        heard = self._heard.figures()
        rows = np.concatenate([*self._hum_rows, np.zeros((0, HUM_WINDOW // 2 + 1), np.float32)])
        return Figures(
            duration_s=self._frames / self._form.rate_hz,
            channels=self._channels.figures(),
            twins=self._pairs(lambda correlation: correlation > _ALIKE),
            inverses=self._pairs(lambda correlation: correlation < -_ALIKE),
            level_dbfs=heard[0].level_dbfs if heard else SILENCE_DBFS,
            peak_dbfs=heard[0].peak_dbfs if heard else SILENCE_DBFS,
            noise_dbfs=noise_dbfs,
            speech_dbfs=speech_dbfs,
            speech_s=float(speaking.sum()) * seconds(WINDOW_SAMPLES),
            snr_db=_above(speech_dbfs, noise_dbfs),
            hum=find_hum(rows),
            wake_words=tuple(_wake_figures(word, traces) for word in self._ears.words),
        )

    def _speaking(self) -> npt.NDArray[np.bool_]:
        """For each window, whether it holds speech."""
        if self._ears.speech:
            return np.array([probability >= self._ears.threshold for probability in self._speech], bool)
        quietest_dbfs = float(np.quantile(self._levels, 0.1)) if self._levels else 0.0
        loud_dbfs = max(quietest_dbfs, SILENCE_DBFS + 1) + _LOUD_DB
        return np.array([level >= loud_dbfs for level in self._levels], bool)

    def _pairs(self, fits: Callable[[float], bool]) -> tuple[tuple[int, int], ...]:
        count = range(self._form.channels)
        return tuple((a, b) for a in count for b in count if a < b and fits(self._channels.correlation(a, b)))


def utterances(speaking: npt.NDArray[np.bool_], shortest_s: float, pause_s: float) -> tuple[Span, ...]:
    """From when to when somebody speaks, debounced: shorter pauses are part of it, shorter sounds are none.

    Args:
        speaking: for each window of WINDOW_SAMPLES.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], speaking, [False])))) * seconds(WINDOW_SAMPLES)
    found: list[list[float]] = []
    for begin, end in edges.reshape(-1, 2).tolist():
        if found and begin - found[-1][1] < pause_s:
            found[-1][1] = end
            found[-1][2] += end - begin
        else:
            found.append([begin, end, end - begin])
    return tuple((begin, end) for begin, end, spoken_s in found if spoken_s >= shortest_s)


class _Pieces:
    """Cuts a stream into pieces of one size; the rest waits."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pending: Int16 = np.zeros(0, np.int16)

    def process(self, samples: Int16) -> list[Int16]:
        pending = np.concatenate((self._pending, samples))
        whole = len(pending) - len(pending) % self._size
        self._pending = pending[whole:]
        return list(pending[:whole].reshape(-1, self._size))


def _in_db(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    return (10 * np.log10(np.maximum(rows, np.float32(1e-12)))).astype(np.float16)


def _noise(levels: Floats, speaking: npt.NDArray[np.bool_], quiet: Span | None) -> float | None:
    """Median level of the windows in which nobody speaks; of the quietest tenth when there are too few."""
    sounding = levels > SILENCE_DBFS
    if not sounding.any():
        return SILENCE_DBFS if len(levels) else None
    if quiet:
        begin, end = (round(at_s * RATE_HZ / WINDOW_SAMPLES) for at_s in quiet)
        known = levels[begin:end][sounding[begin:end]]
        if len(known) >= _FEWEST_WINDOWS:
            return float(np.median(known))
    around = np.convolve(speaking, np.ones(2 * _BESIDE_SPEECH_WINDOWS + 1))[_BESIDE_SPEECH_WINDOWS:]
    room = levels[sounding & (around[: len(levels)] < 0.5)]
    if len(room) >= _FEWEST_WINDOWS:
        return float(np.median(room))
    return float(np.quantile(levels[sounding], 0.1))


def _mean_dbfs(levels: Floats) -> float:
    return max(SILENCE_DBFS, 10 * math.log10(float(np.mean(10 ** (levels / 10)))))


def _above(speech_dbfs: float | None, noise_dbfs: float | None) -> float | None:
    """Speech without its noise, over the noise."""
    if speech_dbfs is None or noise_dbfs is None:
        return None
    ratio = 10 ** ((speech_dbfs - noise_dbfs) / 10) - 1
    return 10 * math.log10(max(ratio, 0.1))


def _wake_figures(word: WakeModel, traces: Traces) -> WakeFigures:
    scores = traces.scores[word.name]
    if not len(scores):
        return WakeFigures(word.name, word.phrase, word.threshold, 0.0, None, 0)
    best = int(scores.argmax())
    over_s = traces.score_at_s[scores >= word.threshold]
    heard = bool(len(over_s)) + sum(later - earlier > _SAME_UTTERANCE_S for earlier, later in pairwise(over_s))
    return WakeFigures(
        word.name, word.phrase, word.threshold, float(scores[best]), float(traces.score_at_s[best]), int(heard)
    )
