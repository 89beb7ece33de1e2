from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listen.scripted import ALEXA, LoudIsSpeech
from signals import noise, silence, tone
from speech import clip, model, recording, recordings

from satellite.config import CommandConfig, ListeningConfig
from satellite.core.audio import Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.events import WakeDetected
from satellite.detect.wakeword import HOP_SAMPLES, Scores, WakeModel, WakeWords, WakeWordStatistics
from satellite.listen.listener import Listener
from satellite.listen.watch import PREROLL_HOPS, REPLAYED_HOPS

WARM_HOPS = 16
WAITING = ListenSettings()


class Hearing:
    """Wake words that remember the first sample of each hop they hear."""

    models = (ALEXA,)

    def __init__(self) -> None:
        self.hops: list[Int16] = []

    def process(self, samples: Int16) -> list[Scores]:
        assert len(samples) == HOP_SAMPLES
        self.hops.append(samples.copy())
        at = len(self.hops) * HOP_SAMPLES
        return [Scores(at, {"alexa": 0.0})] if len(self.hops) >= WARM_HOPS else []

    def statistics(self) -> WakeWordStatistics:
        return WakeWordStatistics(len(self.hops), len(self.hops) >= WARM_HOPS, "hearing")


def listener(words: Hearing | WakeWords, *, gate: bool = True, start: int = 0) -> Listener:
    vad = LoudIsSpeech()
    return Listener(CommandConfig(), words, vad, listening=ListeningConfig(gate=gate), start=start)  # type: ignore[arg-type]


def feed(
    ears: Listener, sound: Int16, size: int = 256, start: int = 0, how: ListenSettings = WAITING
) -> list[WakeDetected]:
    events = []
    for at in range(0, len(sound), size):
        events += ears.feed(Frame(sound[at : at + size], start + at), how, False)
    return [event for event in events if isinstance(event, WakeDetected)]


def hops(count: int, dbfs: float = -65, seed: int = 0) -> Int16:
    return noise(count * HOP_SAMPLES / 16_000, dbfs, seed)


def heard(words: Hearing, sound: Int16) -> list[int]:
    """Which hops of the sound were heard, in order."""
    numbers = {hop.tobytes(): number for number, hop in enumerate(np.split(sound, len(sound) // HOP_SAMPLES))}
    return [numbers[hop.tobytes()] for hop in words.hops]


def test_it_hears_everything_until_the_words_are_warm_and_then_rests_while_it_is_quiet() -> None:
    words, sound = Hearing(), hops(100)
    ears = listener(words)
    feed(ears, sound)
    assert heard(words, sound) == list(range(WARM_HOPS))
    assert ears.statistics().rested_s == pytest.approx((100 - WARM_HOPS - PREROLL_HOPS) * 0.08)


def test_when_it_gets_loud_it_hears_the_second_before_in_order() -> None:
    words = Hearing()
    sound = np.concatenate([hops(50), tone(307.3, 0.8, -30)])
    feed(listener(words), sound)
    assert heard(words, sound) == [*range(WARM_HOPS), *range(50 - PREROLL_HOPS, 60)]


def test_it_catches_up_by_two_held_hops_with_each_new_one() -> None:
    words, sound = Hearing(), np.concatenate([hops(50), tone(307.3, 0.8, -30)])
    ears, counts = listener(words), []
    for at in range(0, len(sound), HOP_SAMPLES):
        before = len(words.hops)
        feed(ears, sound[at : at + HOP_SAMPLES], start=at)
        counts.append(len(words.hops) - before)
    assert max(counts) == 1 + REPLAYED_HOPS
    assert counts[50:] == [3] * 6 + [1] * 4


def test_it_rests_again_1_28_s_after_the_last_loud_sound() -> None:
    words = Hearing()
    sound = np.concatenate([hops(50), tone(307.3, 0.8, -30), hops(60, seed=1)])
    feed(listener(words), sound)
    last = heard(words, sound)[-1] + 1
    assert 60 + 1280 / 80 <= last <= 60 + 1280 / 80 + 2


@pytest.mark.parametrize(("sensitivity", "opens"), [("high", True), ("normal", True), ("low", False)])
def test_the_sensitivity_moves_the_gate_while_it_runs(sensitivity: str, opens: bool) -> None:
    words = Hearing()
    ears = listener(words)
    feed(ears, hops(60))
    resting = len(words.hops)
    # 6.5 dB over the room, noise included.
    voice = hops(5, seed=1) + tone(300, 0.4, -62)
    feed(ears, voice, start=60 * HOP_SAMPLES, how=ListenSettings(sensitivity=sensitivity))
    assert (len(words.hops) > resting) is opens


def test_without_the_gate_it_never_rests() -> None:
    words, sound = Hearing(), hops(60)
    ears = listener(words, gate=False)
    feed(ears, sound)
    assert heard(words, sound) == list(range(60))
    assert ears.statistics().rested_s == 0


def test_nothing_said_before_muting_is_heard_after_it() -> None:
    words = Hearing()
    ears = listener(words)
    before = np.concatenate([hops(50), tone(307.3, 0.8, -30)])
    feed(ears, before)
    feed(ears, hops(60, -20), start=len(before), how=ListenSettings(muted=True))
    at = len(words.hops)
    feed(ears, tone(307.3, 0.8, -30), start=len(before) + 60 * HOP_SAMPLES)
    replayed = words.hops[at : at + PREROLL_HOPS]
    assert not np.concatenate(replayed).any()


def test_a_long_gap_is_not_heard_and_indexes_go_on() -> None:
    words = Hearing()
    ears = listener(words)
    feed(ears, hops(50))
    ears.lost(1000 * HOP_SAMPLES, "reopen")
    feed(ears, tone(307.3, 0.8, -30), start=1050 * HOP_SAMPLES)
    statistics = ears.statistics()
    assert statistics.samples == 1060 * HOP_SAMPLES
    assert statistics.hops * HOP_SAMPLES + round(statistics.rested_s * 16_000) == 1060 * HOP_SAMPLES


TURNS = st.lists(st.sampled_from(["quiet", "loud", "zeros"]), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(TURNS, st.lists(st.integers(0, 120_000), max_size=30))
def test_neither_the_cutting_changes_anything_nor_is_a_hop_heard_twice_or_forgotten(
    parts: list[str], cuts: list[int]
) -> None:
    made = {"quiet": hops(25), "loud": tone(307.3, 0.5, -30), "zeros": silence(0.3)}
    sound = np.concatenate([hops(20), *(made[part] for part in parts)])
    one, other = Hearing(), Hearing()
    feed(listener(one), sound)
    ears, at = listener(other), 0
    for piece in np.split(sound, sorted(cut for cut in cuts if cut < len(sound))):
        ears.feed(Frame(piece, at), ListenSettings(), False)
        at += len(piece)
    assert [hop.tobytes() for hop in one.hops] == [hop.tobytes() for hop in other.hops]
    statistics = ears.statistics()
    held = len(sound) - statistics.hops * HOP_SAMPLES - round(statistics.rested_s * 16_000)
    assert 0 <= held < (PREROLL_HOPS + 1) * HOP_SAMPLES


@pytest.mark.parametrize("start", [0, 777])
@pytest.mark.parametrize("quiet_hops", [40, 47, 90])
def test_a_real_word_is_heard_in_the_same_place_with_and_without_the_gate(quiet_hops: int, start: int) -> None:
    def wakes(gate: bool) -> list[int]:
        words = WakeWords([WakeModel("alexa", model("alexa"), "Alexa")], model("melspectrogram"), model("embedding"))
        sound = np.concatenate([hops(quiet_hops), clip("alexa"), hops(30, seed=1)])
        return [wake.at for wake in feed(listener(words, gate=gate, start=start), sound, start=start)]

    (gated,), (free,) = wakes(True), wakes(False)
    assert abs(gated - free) <= HOP_SAMPLES


def in_a_room(sound: Int16, room: Int16, snr_db: float, number: int) -> Int16:
    """4 s of the room, the sound in it, 2 s of the room; the ratio is to the sound's RMS."""
    noise_part = np.resize(np.roll(room, -number * 7919), len(sound) + 96_000).astype(np.float64)
    noise_part *= np.sqrt(np.mean(sound.astype(np.float64) ** 2) / np.mean(noise_part**2)) * 10 ** (-snr_db / 20)
    noise_part[64_000 : 64_000 + len(sound)] += sound
    return np.clip(np.rint(noise_part), -32768, 32767).astype(np.int16)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("room", "snr_db"), [("", 40), ("pink", 10), ("pink", 0), ("dishes", 5)])
def test_whoever_is_heard_without_the_gate_is_heard_with_it(room: str, snr_db: float) -> None:
    clips = [recording(path) for path in recordings("wake", "alexa")]
    noises = [recording(path) for path in recordings("noise") if room and room in path.name]
    sounds = [
        in_a_room(clip, noises[0] if noises else noise(4, -50), snr_db, number) for number, clip in enumerate(clips)
    ]
    ends = np.cumsum([len(sound) for sound in sounds])

    def heard(gate: bool) -> set[int]:
        words = WakeWords([WakeModel("alexa", model("alexa"), "Alexa")], model("melspectrogram"), model("embedding"))
        wakes = feed(listener(words, gate=gate), np.concatenate(sounds), size=HOP_SAMPLES)
        return {int(np.searchsorted(ends, wake.at)) for wake in wakes}

    assert heard(gate=True) >= heard(gate=False)
