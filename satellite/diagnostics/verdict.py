"""What the figures mean, and what to do about it: a table of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from satellite.core.audio import SILENCE_DBFS
from satellite.diagnostics.clock import Rate
from satellite.diagnostics.measure import Figures, WakeFigures

# --- limits -----------------------------------------------------------------------------------------------------------
# Level of speech that leaves room for a loud voice and stands clear of a converter's own noise.
TARGET_DBFS = -26.0
QUIET_PROBLEM_DBFS, QUIET_HINT_DBFS = -48.0, -40.0
CLIPPED_PROBLEM_PERCENT, CLIPPED_HINT_SAMPLES = 0.02, 3
HEADROOM_DB = 6.0
# -50 dBFS: above it the offset alone is louder than many a room.
DC_PROBLEM_PERCENT, DC_HINT_PERCENT = 1.0, 0.3
SNR_PROBLEM_DB, SNR_HINT_DB = 10.0, 16.0
NOISE_PROBLEM_DBFS = -40.0
HUM_PROBLEM_DBFS, HUM_HINT_DBFS = -50.0, -65.0
# Hum is named when it makes up at least a quarter of the noise.
HUM_SHARE_DB = 6.0
RATE_PROBLEM_PERCENT, RATE_HINT_PERCENT = 1.0, 0.1
DEAD_CHANNEL_DB, WEAK_CHANNEL_DB = 40.0, 15.0
SHORTEST_S = 2.0
WAKES_EXPECTED = 3
# A score so near its threshold was meant to reach it.
NEARLY = 0.4


class Severity(StrEnum):
    """A problem is worth mending before the satellite is used; a hint can wait."""

    PROBLEM = "problem"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the microphone.

    Attributes:
        code: its name, for programs.
        text: what is the matter, for a person.
        advice: what to change.
    """

    code: str
    severity: Severity
    text: str
    advice: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """How it was measured.

    Attributes:
        place: whose volume is to be changed: "card USB".
        rate_hz: as the device says; `rate`: as the clock says.
        overruns: how often the card lost sound; `dropped_s`: sound that the test itself lost.
        muted: the running satellite was muted.
        guided: the person was asked to be quiet, to speak, and to say the wake word three times.
        channel: the one that the satellite hears; -1: the mean of all.
    """

    place: str
    rate_hz: int
    rate: Rate | None = None
    overruns: int = 0
    dropped_s: float = 0.0
    muted: bool = False
    guided: bool = False
    channel: int = -1


Findings = Iterator[Finding]
Rule = Callable[[Figures, Conditions], Findings]


def judge(figures: Figures, conditions: Conditions) -> tuple[Finding, ...]:
    """All findings, problems first. Where there is no sound at all, that alone is said."""
    for rule in DECISIVE:
        if found := tuple(rule(figures, conditions)):
            return found
    found = tuple(finding for rule in RULES for finding in rule(figures, conditions))
    return tuple(sorted(found, key=lambda finding: finding.severity is Severity.HINT))


def is_healthy(findings: tuple[Finding, ...]) -> bool:
    """No finding is a problem."""
    return all(finding.severity is Severity.HINT for finding in findings)


# --- rules ------------------------------------------------------------------------------------------------------------


def _muted(_figures: Figures, conditions: Conditions) -> Findings:
    if conditions.muted:
        yield _problem(
            "muted",
            "the satellite is muted: nothing can be heard here either",
            "unmute it: satellite --set mute=off, or the mute switch in Home Assistant; then test again",
        )


def _nothing(figures: Figures, conditions: Conditions) -> Findings:
    if figures.duration_s < 0.1:
        yield _problem("no_sound", "hardly any sound came", "look at the log and at satellite --list-devices")
    elif all(channel.constant for channel in figures.channels):
        where = f"{conditions.place} gives digital silence: every sample is the same"
        yield _problem(
            "silence", where, "switch its capture on (alsamixer, F4), its own mute switch off, or choose another --mic"
        )


def _channels(figures: Figures, conditions: Conditions) -> Findings:
    loudest = max(range(len(figures.channels)), key=lambda number: figures.channels[number].level_dbfs)
    top_dbfs = figures.channels[loudest].level_dbfs
    for number, channel in enumerate(figures.channels):
        below_db = top_dbfs - channel.level_dbfs
        heard = conditions.channel in (-1, number)
        severity = Severity.PROBLEM if heard else Severity.HINT
        if channel.constant or below_db >= DEAD_CHANNEL_DB:
            text = f"channel {number} is dead" + ("" if channel.constant else f": {below_db:.0f} dB below the loudest")
            advice = f"set microphone.channel = {loudest}; if it should be alive, look for a loose capsule or wire"
            yield Finding("dead_channel", severity, text, advice)
        elif below_db >= WEAK_CHANNEL_DB:
            text = f"channel {number} is {below_db:.0f} dB quieter than channel {loudest}"
            yield _hint("weak_channel", text, f"set microphone.channel = {loudest}, or level their capture volumes")
    for one, other in figures.inverses:
        text = f"channels {one} and {other} are each other upside down: their mean is nearly silent"
        severity = Severity.PROBLEM if conditions.channel == -1 else Severity.HINT
        yield Finding("inverse_channels", severity, text, f"set microphone.channel = {one}")
    for one, other in figures.twins:
        text = f"channels {one} and {other} carry the same sound: there is one microphone behind them"
        yield _hint("equal_channels", text, "nothing, if it has one microphone; else one of them is not connected")


def _clipping(figures: Figures, conditions: Conditions) -> Findings:
    worst = max(range(len(figures.channels)), key=lambda number: figures.channels[number].clipped)
    channel = figures.channels[worst]
    where = f" (channel {worst})" if len(figures.channels) > 1 else ""
    if channel.clipped_percent >= CLIPPED_PROBLEM_PERCENT:
        # Nobody knows how far it would have gone: the more is cut off, the further.
        down_db = HEADROOM_DB if channel.clipped_percent < 1 else 2 * HEADROOM_DB
        text = (
            f"it clips: {channel.clipped:,} samples{where}, {channel.clipped_percent:.2g} %, are cut off at full scale"
        )
        yield _problem("clipping", text, _lower(conditions, down_db))
    elif channel.clipped >= CLIPPED_HINT_SAMPLES:
        text = f"its peaks touch full scale: {channel.clipped} samples{where}"
        yield _hint("clipping", text, _lower(conditions, HEADROOM_DB))


def _offset(figures: Figures, conditions: Conditions) -> Findings:
    worst = max(range(len(figures.channels)), key=lambda number: abs(figures.channels[number].dc_percent))
    percent = figures.channels[worst].dc_percent
    where = f" (channel {worst})" if len(figures.channels) > 1 else ""
    if abs(percent) >= DC_HINT_PERCENT:
        severity = Severity.PROBLEM if abs(percent) >= DC_PROBLEM_PERCENT else Severity.HINT
        text = f"DC offset of {percent:+.2g} % of full scale{where}: it hides how quiet the room is and takes headroom"
        advice = (
            f"lower the microphone boost of {conditions.place}; if that changes nothing, its input is faulty, and "
            "processing.high_pass_hz = 20 keeps the offset from Home Assistant"
        )
        yield Finding("dc_offset", severity, text, advice)


def _quiet(figures: Figures, conditions: Conditions) -> Findings:
    if figures.speech_dbfs is None or figures.speech_dbfs >= QUIET_HINT_DBFS:
        return
    # Not further than the peaks allow.
    up_db = min(TARGET_DBFS - figures.speech_dbfs, -3.0 - figures.peak_dbfs)
    severity = Severity.PROBLEM if figures.speech_dbfs < QUIET_PROBLEM_DBFS else Severity.HINT
    text = f"speech is too quiet: {figures.speech_dbfs:.0f} dBFS, {TARGET_DBFS:.0f} would be good"
    if up_db < 3:
        # There is something louder than the voice.
        advice = f"speak nearer to it, or move {conditions.place} away from what is louder than the voice"
    else:
        advice = f"raise the capture volume of {conditions.place} by about {up_db:.0f} dB (alsamixer, F4)"
    yield Finding("too_quiet", severity, text, advice)


def _noise(figures: Figures, conditions: Conditions) -> Findings:
    advice = f"move {conditions.place} away from fans, speakers and power supplies, or nearer to where you speak"
    if figures.snr_db is not None:
        if figures.snr_db < SNR_HINT_DB:
            severity = Severity.PROBLEM if figures.snr_db < SNR_PROBLEM_DB else Severity.HINT
            text = f"too noisy: speech is {figures.snr_db:.0f} dB above the noise; {SNR_HINT_DB:.0f} dB would be good"
            yield Finding("too_noisy", severity, text, advice)
    elif figures.noise_dbfs is not None and figures.noise_dbfs > NOISE_PROBLEM_DBFS:
        yield _problem("too_noisy", f"too noisy: {figures.noise_dbfs:.0f} dBFS while nobody speaks", advice)


def _hum(figures: Figures, conditions: Conditions) -> Findings:
    hum, noise_dbfs = figures.hum, figures.noise_dbfs
    if hum is None or noise_dbfs is None or hum.dbfs < max(HUM_HINT_DBFS, noise_dbfs - HUM_SHARE_DB):
        return
    severity = Severity.PROBLEM if hum.dbfs >= HUM_PROBLEM_DBFS else Severity.HINT
    text = f"mains hum: {hum.mains_hz} Hz and its multiples, {hum.dbfs:.0f} dBFS"
    advice = (
        f"another power supply or USB port, a shorter or shielded cable; keep {conditions.place} away from mains leads"
    )
    yield Finding("hum", severity, text, advice)


def _rate(_figures: Figures, conditions: Conditions) -> Findings:
    if conditions.rate is None:
        return
    percent = 100 * (conditions.rate.hz / conditions.rate_hz - 1)
    if abs(percent) >= RATE_HINT_PERCENT:
        severity = Severity.PROBLEM if abs(percent) >= RATE_PROBLEM_PERCENT else Severity.HINT
        text = (
            f"the real sample rate is {conditions.rate.hz:,.0f} Hz, not {conditions.rate_hz:,} Hz ({percent:+.2f} %): "
            f"voices sound {'lower' if percent > 0 else 'higher'} than they are"
        )
        yield Finding("wrong_rate", severity, text, "another microphone.rate_hz, USB port or driver overlay")


def _losses(_figures: Figures, conditions: Conditions) -> Findings:
    if conditions.overruns:
        times = "once" if conditions.overruns == 1 else f"{conditions.overruns} times"
        text = f"sound was lost {times} (xruns): the machine was too busy to fetch it in time"
        yield _problem("xruns", text, "raise microphone.buffer_ms; see with top what else runs; avoid USB hubs")
    if conditions.dropped_s:
        text = f"this test itself missed {conditions.dropped_s:.1f} s of sound: the machine is very busy"
        yield _hint("test_missed_sound", text, "not the microphone's fault; test again when less is running")


def _speech(figures: Figures, conditions: Conditions) -> Findings:
    if figures.speech_dbfs is None:
        make = _problem if conditions.guided else _hint
        text = "no speech was recognised" + ("" if conditions.guided else ": level and noise of speech are not judged")
        yield make("no_speech", text, "speak for some seconds, at your usual place, while it listens")


def _wake_word(figures: Figures, conditions: Conditions) -> Findings:
    if not any(word.best_at_s is not None for word in figures.wake_words):
        return
    heard = sum(word.heard for word in figures.wake_words)
    best = max(figures.wake_words, key=lambda word: word.best_score / word.threshold)
    if conditions.guided and heard == 0:
        yield _problem("wake_word_not_heard", f"the wake word was not recognised: {_best(best)}", _train(best))
    elif conditions.guided and heard < WAKES_EXPECTED:
        text = f"the wake word was recognised {heard} of {WAKES_EXPECTED} times: {_best(best)}"
        yield _hint("wake_word_missed", text, _train(best))
    elif not heard and best.best_score >= NEARLY * best.threshold:
        yield _hint("wake_word_nearly", f"nearly a wake word: {_best(best)}", _train(best))


def _length(figures: Figures, _conditions: Conditions) -> Findings:
    if figures.duration_s < SHORTEST_S:
        text = f"{figures.duration_s:.1f} s is too short to judge"
        yield _hint("short", text, f"test for {SHORTEST_S:.0f} s or more")


# Where one of these has something to say, the others have nothing to go by.
DECISIVE: tuple[Rule, ...] = (_muted, _nothing)
RULES: tuple[Rule, ...] = (
    _channels,
    _clipping,
    _quiet,
    _noise,
    _hum,
    _offset,
    _rate,
    _losses,
    _speech,
    _wake_word,
    _length,
)


# --- words ------------------------------------------------------------------------------------------------------------


def _problem(code: str, text: str, advice: str) -> Finding:
    return Finding(code, Severity.PROBLEM, text, advice)


def _hint(code: str, text: str, advice: str) -> Finding:
    return Finding(code, Severity.HINT, text, advice)


def _lower(conditions: Conditions, db: float) -> str:
    return f"lower the capture volume of {conditions.place} by about {db:.0f} dB (alsamixer, F4)"


def _best(word: WakeFigures) -> str:
    return f"{word.phrase} scored {word.best_score:.2f}, threshold {word.threshold:g}"


def _train(word: WakeFigures) -> str:
    lower = max(0.1, round(0.8 * min(word.best_score, word.threshold), 2))
    return f"speak nearer or more clearly; or lower the threshold: satellite --set threshold.{word.name}={lower:g}"


def level_text(dbfs: float | None) -> str:
    """A level for a person."""
    if dbfs is None:
        return "-"
    return "silence" if dbfs <= SILENCE_DBFS else f"{dbfs:.1f} dBFS"
