from __future__ import annotations

import numpy as np
import pytest
from listen.scripted import ALEXA
from signals import noise, silence, tone

from satellite.core.audio import Int16, samples_in
from satellite.detect.microwakeword import MicroModel
from satellite.detect.wakeword import WakeModel
from satellite.listen.trigger import Wake
from satellite.listen.word_end import ANY_LAG, LAGS, LOOK_BACK, MICRO_LAG, earliest_end, heard_elsewhere, word_end

AT = 64_000
MS = samples_in(1)


def wake(model: WakeModel = ALEXA, rising_ms: int = 0, score: float = 0.9) -> Wake:
    return Wake(model, score, AT, AT - rising_ms * MS)


def voice(ms: float, dbfs: float = -25) -> Int16:
    """Strong low, weaker high frequencies."""
    return tone(300, ms / 1000, dbfs) + tone(3000, ms / 1000, dbfs - 12)


def hiss(ms: float) -> Int16:
    """High frequencies only, as in s: 20 dB below the voice, but louder than it where it is high."""
    return tone(5000, ms / 1000, -45) + tone(3000, ms / 1000, -45)


def room(ms: float) -> Int16:
    return noise(ms / 1000, -70)


def around(hop_ms: float, *parts: Int16) -> Int16:
    """The parts in a row, the hop that fires `hop_ms` after their beginning, and room: from LOOK_BACK on."""
    sound = np.concatenate(parts)
    lead = LOOK_BACK - samples_in(hop_ms)
    return np.concatenate([room(lead / MS), sound, room(1000)])


def found_ms(sound: Int16, of: Wake | None = None) -> float:
    """Where the end is found, seen from the hop."""
    end = word_end(of or wake(), AT - LOOK_BACK, sound)
    assert end is not None
    return (end - AT) / MS


def test_the_end_of_the_word_is_where_the_sound_dips() -> None:
    assert -20 <= found_ms(around(400, voice(500))) - 100 <= 20


def test_an_s_in_the_word_is_no_dip() -> None:
    assert -20 <= found_ms(around(400, voice(250), hiss(150), voice(150))) - 150 <= 20


def test_a_weak_s_in_the_word_is_no_dip_where_the_word_is_known_to_have_one() -> None:
    weak = (hiss(150) * 0.3).astype(np.int16)
    sound = around(400, voice(300), weak, voice(150))
    own = WakeModel("my_word", ALEXA.path, "My word")
    assert -20 <= found_ms(sound) - 200 <= 20
    assert -20 <= found_ms(sound, wake(own)) + 100 <= 20


def test_what_is_louder_after_the_hop_makes_no_dip_of_what_is_as_loud_as_the_word() -> None:
    assert found_ms(around(400, voice(500), voice(50, dbfs=-10), voice(900))) == -70


def test_in_a_noisy_room_the_end_is_where_nothing_but_the_room_is_left() -> None:
    sound = around(400, voice(500))
    noisy = np.concatenate([sound[: LOOK_BACK + 300 * MS], voice(900)]) + noise(2.2, -38)[: LOOK_BACK + 1200 * MS]
    assert -30 <= found_ms(noisy) - 100 <= 30


def test_a_stop_consonant_is_too_short_to_be_the_end() -> None:
    assert -20 <= found_ms(around(400, voice(350), room(30), voice(120))) - 100 <= 20


def test_of_two_dips_the_first_is_taken_so_that_nothing_of_the_command_is_lost() -> None:
    assert -20 <= found_ms(around(400, voice(450), room(100), voice(60), room(100), voice(300))) - 50 <= 20


def test_without_a_dip_the_sound_is_kept_from_the_earliest_place() -> None:
    assert found_ms(around(400, voice(1400))) == -70


def test_a_word_that_was_over_long_before_does_not_reach_further_back() -> None:
    assert found_ms(around(600, voice(300))) == -70


def test_a_model_that_hesitated_fires_late_so_more_is_kept() -> None:
    assert found_ms(around(600, voice(1400)), wake(rising_ms=240)) == -300
    assert found_ms(around(600, voice(1400)), wake(rising_ms=5000)) == -860


def test_a_word_of_which_nothing_is_known_is_kept_from_further_back() -> None:
    own = WakeModel("my_word", ALEXA.path, "My word")
    assert found_ms(around(600, voice(1400)), wake(own)) == -350
    assert -20 <= found_ms(around(600, voice(450)), wake(own)) + 150 <= 20


def test_a_word_of_the_slower_engine_is_kept_from_further_back_still() -> None:
    own = MicroModel("my_word", ALEXA.path, "My word")
    assert found_ms(around(600, voice(1400)), wake(own)) == -450


def test_silence_has_no_end() -> None:
    assert found_ms(silence(2)) == -70


@pytest.mark.parametrize(
    "sound", [around(400, voice(500)), around(400, voice(1400)), around(200, voice(420))], ids=["dip", "none", "late"]
)
def test_the_answer_does_not_depend_on_how_much_more_is_known(sound: Int16) -> None:
    answers = [word_end(wake(), AT - LOOK_BACK, sound[:count]) for count in range(LOOK_BACK, len(sound), 77)]
    final = answers[-1]
    decided = [answer is not None for answer in answers]
    assert decided == sorted(decided)
    assert {answer for answer in answers if answer is not None} == {final}
    assert next(n for n, known in enumerate(decided) if known) * 77 <= 250 * MS + 77


def test_what_is_older_than_the_ring_cannot_be_kept() -> None:
    sound = around(400, voice(1400))
    assert word_end(wake(), AT - 320, sound[LOOK_BACK - 320 :]) == AT - 320
    assert word_end(wake(), AT, sound[LOOK_BACK:]) == AT


def test_the_earliest_end_is_known_at_once() -> None:
    assert earliest_end(wake()) == AT - 70 * MS
    assert earliest_end(wake(rising_ms=80)) == AT - 140 * MS
    assert earliest_end(wake(rising_ms=80, score=0.7)) == AT - 180 * MS


def test_a_word_of_openwakewords_service_ends_as_our_own_and_any_other_like_one_that_is_heard_late() -> None:
    sound = around(300, voice(400))
    assert found_ms(sound, heard_elsewhere("alexa_v0.1", AT)) == found_ms(sound, wake(ALEXA))
    late = [AT - earliest_end(heard_elsewhere(name, AT)) for name in ("alexa_v0.1", "computer_v2", "alexa")]
    assert late == [LAGS["alexa"].late_ms * MS, ANY_LAG.late_ms * MS, MICRO_LAG.late_ms * MS]
