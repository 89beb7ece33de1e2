"""What is found in made signals, by the real models, and what is advised."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from diagnostics.made import PLACE, hum, mixed, recording, room, spoken
from signals import clipped, silence, with_dc
from speech import model

from satellite.config import Config, MicrophoneConfig
from satellite.core.audio import Int16
from satellite.diagnostics.clock import Rate
from satellite.diagnostics.examination import Examination
from satellite.diagnostics.measure import WakeFigures
from satellite.diagnostics.mic import examine
from satellite.diagnostics.verdict import Conditions, Finding, Severity, is_healthy, judge

LONG = len(spoken()) / 16_000
HUM = hum(LONG + 1, -44)[: len(spoken())]


def examined(*channels: Int16, channel: int = -1) -> Examination:
    model("silero_vad")
    model("hey_jarvis")
    return examine(recording(*channels), Config(microphone=MicrophoneConfig(channel=channel)))


@cache
def healthy() -> Examination:
    return examined(spoken())


def found(result: Examination, severity: Severity) -> list[str]:
    return [finding.code for finding in result.findings if finding.severity is severity]


def advice(result: Examination, code: str) -> str:
    return next(finding.advice for finding in result.findings if finding.code == code)


# --- each fault by a made signal --------------------------------------------------------------------------------------


def test_a_healthy_microphone_has_no_finding_at_all() -> None:
    result = healthy()
    assert result.findings == ()
    assert result.healthy
    assert result.headline == "The microphone is healthy"
    (word,) = result.figures.wake_words
    assert (word.name, word.heard) == ("hey_jarvis", 1)


@pytest.mark.parametrize("channels", [(silence(3.0),), (silence(3.0), silence(3.0)), (silence(3.0) + np.int16(-12),)])
def test_digital_silence_is_the_one_finding(channels: tuple[Int16, ...]) -> None:
    result = examined(*channels)
    assert [finding.code for finding in result.findings] == ["silence"]
    assert not result.healthy


def test_hum_is_named_with_its_frequency_and_told_from_noise() -> None:
    result = examined(mixed(spoken(), HUM))
    assert "hum" in found(result, Severity.PROBLEM)
    assert "mains hum: 50 Hz and its multiples, -38 dBFS" in [finding.text for finding in result.findings]
    assert "hum" not in found(examined(spoken(noise_dbfs=-38)), Severity.PROBLEM)


def test_faint_hum_is_a_hint() -> None:
    result = examined(mixed(spoken(noise_dbfs=-75), hum(LONG + 1, -68)[: len(spoken())]))
    assert found(result, Severity.HINT) == ["hum"]
    assert result.healthy


def test_clipping_says_how_much_to_turn_down() -> None:
    result = examined(clipped(spoken(), 22))
    assert found(result, Severity.PROBLEM) == ["clipping"]
    assert advice(result, "clipping") == f"lower the capture volume of {PLACE} by about 12 dB (alsamixer, F4)"
    slightly = examined(clipped(spoken(), 12))
    assert found(slightly, Severity.PROBLEM) == ["clipping"]
    assert "about 6 dB" in advice(slightly, "clipping")


def test_a_peak_that_touches_full_scale_is_a_hint() -> None:
    sound = spoken().copy()
    sound[20_000:20_005] = 32_767
    assert found(examined(sound), Severity.HINT) == ["clipping"]


@pytest.mark.parametrize("offset", [1000, -1000])
def test_an_offset_is_a_problem_and_a_smaller_one_a_hint(offset: int) -> None:
    assert found(examined(with_dc(spoken(), offset)), Severity.PROBLEM) == ["dc_offset"]
    assert found(examined(with_dc(spoken(), offset // 7)), Severity.HINT) == ["dc_offset"]


def test_a_dead_channel_is_named_and_which_one_to_use() -> None:
    result = examined(spoken(), silence(LONG))
    assert found(result, Severity.PROBLEM) == ["dead_channel"]
    assert result.findings[0].text == "channel 1 is dead"
    assert "microphone.channel = 0" in result.findings[0].advice


def test_a_channel_of_noise_only_is_dead_too() -> None:
    result = examined(room(LONG, -80)[: len(spoken())], spoken())
    assert found(result, Severity.PROBLEM) == ["dead_channel"]
    assert result.findings[0].text.startswith("channel 0 is dead: ")


def test_a_dead_channel_that_is_not_heard_is_a_hint() -> None:
    result = examined(spoken(), silence(LONG), channel=0)
    assert found(result, Severity.HINT) == ["dead_channel"]
    assert result.healthy


def test_a_weak_channel_is_a_hint() -> None:
    assert found(examined(spoken(), spoken(-20, -90)), Severity.HINT) == ["weak_channel", "equal_channels"]


def test_two_equal_channels_are_one_microphone() -> None:
    result = examined(spoken(), spoken())
    assert found(result, Severity.HINT) == ["equal_channels"]
    assert result.healthy


def test_two_channels_upside_down_cancel_each_other() -> None:
    result = examined(spoken(), -spoken())
    assert "inverse_channels" in found(result, Severity.PROBLEM)
    assert advice(result, "inverse_channels") == "set microphone.channel = 0"


def test_too_quiet_says_how_much_to_turn_up() -> None:
    result = examined(spoken(-30, -95))
    assert found(result, Severity.PROBLEM) == ["too_quiet"]
    wanted_db = -26 - healthy().figures.speech_dbfs + 30  # type: ignore[operator]
    said = re.search(rf"raise the capture volume of {PLACE} by about (\d+) dB", advice(result, "too_quiet"))
    assert said
    assert int(said[1]) == pytest.approx(wanted_db, abs=1.5)
    assert found(examined(spoken(-18, -90)), Severity.HINT) == ["too_quiet"]


def test_a_quiet_voice_under_something_loud_is_not_to_be_turned_up() -> None:
    bang = np.zeros(len(spoken()), np.int16)
    bang[:40] = 30_000
    result = examined(mixed(spoken(-30, -95), bang))
    assert "speak nearer" in advice(result, "too_quiet")


def test_too_noisy() -> None:
    result = examined(spoken(0, -33))
    assert found(result, Severity.PROBLEM) == ["too_noisy"]
    assert PLACE in advice(result, "too_noisy")
    assert found(examined(spoken(0, -40)), Severity.HINT) == ["too_noisy"]


def test_noise_without_speech_is_too_noisy_when_it_is_loud() -> None:
    result = examined(room(4.0, -30))
    assert found(result, Severity.PROBLEM) == ["too_noisy"]


def test_when_nobody_spoke_that_is_said() -> None:
    result = examined(room(4.0))
    assert found(result, Severity.HINT) == ["no_speech"]
    assert result.healthy
    assert result.headline == "Nothing wrong found, but nobody spoke"


def test_a_moment_is_too_short_to_judge() -> None:
    assert "short" in found(examined(spoken()[16_000:32_000]), Severity.HINT)
    assert found(examined(silence(0.01)), Severity.PROBLEM) == ["no_sound"]


# --- what only the conditions tell ------------------------------------------------------------------------------------


def judged(**conditions: object) -> tuple[Finding, ...]:
    known = replace(Conditions(PLACE, 16_000), **conditions)  # type: ignore[arg-type]
    return judge(healthy().figures, known)


@pytest.mark.parametrize(
    ("hz", "severities"),
    [
        (16_000.0, []),
        (16_003.0, []),
        (16_030.0, [Severity.HINT]),
        (17_600.0, [Severity.PROBLEM]),
        (14_400.0, [Severity.PROBLEM]),
    ],
)
def test_a_wrong_rate(hz: float, severities: list[Severity]) -> None:
    findings = judged(rate=Rate(hz, 10.0))
    assert [finding.severity for finding in findings] == severities
    for finding in findings:
        assert finding.code == "wrong_rate"
        assert f"{hz:,.0f} Hz, not 16,000 Hz" in finding.text


@pytest.mark.parametrize(("overruns", "times"), [(1, "once"), (7, "7 times")])
def test_xruns_are_a_problem(overruns: int, times: str) -> None:
    (finding,) = judged(overruns=overruns)
    assert (finding.code, finding.severity) == ("xruns", Severity.PROBLEM)
    assert f"sound was lost {times} (xruns)" in finding.text


def test_sound_that_the_test_missed_is_not_the_microphones_fault() -> None:
    (finding,) = judged(dropped_s=0.5)
    assert (finding.code, finding.severity) == ("test_missed_sound", Severity.HINT)


def test_a_muted_satellite_is_the_one_finding() -> None:
    (finding,) = judged(muted=True, overruns=3)
    assert finding.code == "muted"
    assert "satellite --set mute=off" in finding.advice


def test_guided_no_speech_and_no_wake_word_are_problems() -> None:
    silent = replace(healthy().figures, speech_dbfs=None, snr_db=None)
    codes = {finding.code: finding.severity for finding in judge(silent, Conditions(PLACE, 16_000, guided=True))}
    assert codes == {"no_speech": Severity.PROBLEM, "wake_word_missed": Severity.HINT}


@pytest.mark.parametrize(
    ("heard", "best", "guided", "code"),
    [
        (3, 0.9, True, ""),
        (2, 0.9, True, "wake_word_missed"),
        (0, 0.3, True, "wake_word_not_heard"),
        (0, 0.3, False, "wake_word_nearly"),
        (0, 0.01, False, ""),
        (1, 0.9, False, ""),
    ],
)
def test_the_wake_word(heard: int, best: float, guided: bool, code: str) -> None:
    word = WakeFigures("hey_jarvis", "Hey Jarvis", 0.5, best, 3.0, heard)
    findings = judge(replace(healthy().figures, wake_words=(word,)), Conditions(PLACE, 16_000, guided=guided))
    assert [finding.code for finding in findings] == [code] * bool(code)
    for finding in findings:
        assert f"Hey Jarvis scored {best:.2f}, threshold 0.5" in finding.text
        advised = re.search(r"--set threshold\.hey_jarvis=(\S+)", finding.advice)
        assert advised
        assert 0.1 <= float(advised[1]) < min(best, 0.5)


def test_problems_come_first_and_make_it_unhealthy() -> None:
    findings = judged(overruns=1, dropped_s=1.0, rate=Rate(16_030.0, 9.0))
    assert [finding.severity for finding in findings] == [Severity.PROBLEM, Severity.HINT, Severity.HINT]
    assert not is_healthy(findings)
    assert is_healthy(findings[1:])


def test_a_finding_is_one_line_with_advice() -> None:
    results = [
        examined(clipped(spoken(), 22), silence(LONG)),
        examined(mixed(spoken(-30), HUM)),
        examined(silence(1.0)),
    ]
    for finding in [finding for result in results for finding in result.findings]:
        assert finding.text
        assert finding.advice
        assert "\n" not in finding.text + finding.advice
