"""What is cut out around wakes and near misses, whatever the frames are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from listen.scripted import scripted
from signals import noise

from satellite.core.audio import Frame, samples_of
from satellite.core.effects import Command, Keep, ListenSettings
from satellite.core.events import Event, Overheard
from satellite.listen.listener import Listener
from satellite.listen.overhear import AFTER, BEFORE

HOP = 1280
AT = 40 * HOP
ALL = ListenSettings(keep=Keep(wakes=True, near_misses=True))
NOTHING = ListenSettings()
SOUND = noise(6.4, -40)
Script = Mapping[int, Mapping[str, float]]


def overheard(
    script: Script, how: ListenSettings = ALL, cuts: Iterable[int] = (), later: tuple[int, ListenSettings] | None = None
) -> tuple[Listener, list[Overheard]]:
    """`later`: other settings from a sample on."""
    listener, events, at = scripted(script), list[Event](), 0
    for part in np.split(SOUND, sorted({*cuts, *((later[0],) if later else ())})):
        events += listener.feed(Frame(part, at), later[1] if later and at >= later[0] else how, False)
        at += len(part)
    return listener, [event for event in events if isinstance(event, Overheard)]


def told(event: Overheard) -> tuple[str, str, float, float, int]:
    return event.kind, event.model, event.score, event.threshold, event.at


def test_two_seconds_around_a_wake_are_given() -> None:
    _, (event,) = overheard({AT: {"alexa": 0.9}})
    assert told(event) == ("wake", "alexa", 0.9, 0.5, AT)
    assert event.start == AT - BEFORE
    np.testing.assert_array_equal(samples_of(event.pcm), SOUND[AT - BEFORE : AT + AFTER])


def test_a_peak_above_half_of_the_threshold_is_a_near_miss() -> None:
    script = {AT - HOP: {"alexa": 0.3}, AT: {"alexa": 0.45}, AT + HOP: {"alexa": 0.26}, AT + 4 * HOP: {"alexa": 0.24}}
    listener, (event,) = overheard(script)
    assert told(event) == ("near miss", "alexa", 0.45, 0.5, AT)
    np.testing.assert_array_equal(samples_of(event.pcm), SOUND[AT - BEFORE : AT + AFTER])
    assert listener.statistics().near_misses == 1


def test_each_word_has_its_own_threshold_and_that_of_the_settings_counts() -> None:
    script = {AT: {"alexa": 0.3, "jarvis": 0.3}}
    assert [event.model for event in overheard(script)[1]] == ["alexa"]
    changed = ListenSettings(thresholds={"alexa": 0.8, "jarvis": 0.5}, keep=ALL.keep)
    assert [event.model for event in overheard(script, changed)[1]] == ["jarvis"]


def test_the_way_up_to_a_wake_and_down_from_it_is_no_near_miss() -> None:
    script = {AT + n * HOP: {"alexa": score} for n, score in enumerate([0.3, 0.4, 0.6, 0.4, 0.1, 0.45, 0.1])}
    listener, (event,) = overheard(script)
    assert (event.kind, event.at) == ("wake", AT + 2 * HOP)
    assert listener.statistics().near_misses == 0


def test_a_dip_before_a_wake_and_two_peaks_of_one_utterance_are_no_near_misses_of_their_own() -> None:
    listener, (event,) = overheard({AT - 4 * HOP: {"alexa": 0.3}, AT: {"alexa": 0.9}})
    assert (event.kind, listener.statistics().near_misses) == ("wake", 0)
    listener, (event,) = overheard({AT - 5 * HOP: {"alexa": 0.45}, AT: {"alexa": 0.4}})
    assert (event.at, listener.statistics().near_misses) == (AT - 5 * HOP, 1)
    assert overheard({AT - 12 * HOP: {"alexa": 0.3}, AT: {"alexa": 0.4}})[0].statistics().near_misses == 2


def test_without_being_asked_nothing_is_given_but_near_misses_are_counted() -> None:
    listener, events = overheard({AT: {"alexa": 0.45}}, NOTHING)
    assert events == []
    assert listener.statistics().near_misses == 1
    assert overheard({AT: {"alexa": 0.9}}, ListenSettings(keep=Keep(near_misses=True)))[1] == []


def test_mute_forgets_what_waits_and_nothing_of_it_is_heard_later() -> None:
    muted = ListenSettings(muted=True, keep=ALL.keep)
    assert overheard({AT: {"alexa": 0.9}}, later=(AT + HOP, muted))[1] == []
    assert overheard({AT: {"alexa": 0.45}}, later=(AT + HOP, muted))[1] == []
    listener, events = overheard({AT: {"alexa": 0.45}}, muted)
    assert events == []
    assert listener.statistics().near_misses == 0


def test_what_looks_like_a_word_in_a_command_is_none() -> None:
    command = ListenSettings(command=Command(1, None), keep=ALL.keep)
    listener, events = overheard({AT: {"alexa": 0.45}}, command)
    assert events == []
    assert listener.statistics().near_misses == 0


def test_before_the_beginning_it_was_silent() -> None:
    _, (event,) = overheard({5 * HOP: {"alexa": 0.9}})
    assert event.start == 5 * HOP - BEFORE < 0
    samples = samples_of(event.pcm)
    assert not samples[: -event.start].any()
    np.testing.assert_array_equal(samples[-event.start :], SOUND[: 5 * HOP + AFTER])


@settings(max_examples=30, deadline=None)
@given(
    scores=st.dictionaries(st.integers(1, 70), st.sampled_from([0.2, 0.3, 0.4, 0.6]), max_size=12),
    cuts=st.sets(st.integers(0, len(SOUND)), max_size=30),
)
def test_frames_do_not_matter(scores: dict[int, float], cuts: set[int]) -> None:
    script = {n * HOP: {"alexa": score} for n, score in scores.items()}
    _, whole = overheard(script)
    _, cut = overheard(script, cuts=cuts)
    assert [(told(event), event.start, event.pcm) for event in whole] == [
        (told(event), event.start, event.pcm) for event in cut
    ]
