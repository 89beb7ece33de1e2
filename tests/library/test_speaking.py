from __future__ import annotations

import math
import os
import resource

import numpy as np
import pytest
from fakes_device import wait_until
from speech import clip, model

from satellite.core.audio import RATE_HZ
from satellite.library.settings import InputSettings
from satellite.library.speaking import Energy, HoldOff, Scored, detector, judge


def test_below_the_threshold_speaking_holds_for_the_hold_off_and_ends() -> None:
    holdoff = HoldOff(0.5, 0.3)
    assert holdoff.lasts_s < 0
    lasts = []
    for score in (0.5, 0.49, 0.0, 0.9, 0.0, 0.0, 0.0, 0.0):
        holdoff.process(Scored(score, 0.1))
        lasts.append(round(holdoff.lasts_s, 3))
    assert lasts == [math.inf, 0.2, 0.1, math.inf, 0.2, 0.1, 0.0, -0.1]
    holdoff.reset()
    assert holdoff.lasts_s < 0


def test_a_full_scale_square_has_the_energy_1_and_silence_0() -> None:
    assert Energy(RATE_HZ).process(np.full((160, 2), -32_768, np.int16)) == [Scored(1.0, 0.01)]
    assert Energy(RATE_HZ).process(np.zeros((160, 1), np.int16)) == [Scored(0.0, 0.01)]
    assert Energy(RATE_HZ).process(np.zeros((0, 1), np.int16)) == []


def test_without_vad_there_is_no_detector() -> None:
    assert detector(InputSettings()) is None


def test_after_a_reset_the_model_hears_as_if_for_the_first_time() -> None:
    stream = judge("silero", 22_050, model("silero_vad"))
    sound = clip("stop")[:, None]
    first = stream.process(sound[:5_001])
    stream.process(sound[5_001:])
    stream.reset()
    assert stream.process(sound[:5_001]) == first


def test_several_streams_share_the_model_and_do_not_disturb_each_other() -> None:
    path = model("silero_vad")
    alone = judge("silero", RATE_HZ, path).process(clip("timer")[:, None])
    one, other = judge("silero", RATE_HZ, path), judge("silero", RATE_HZ, path)
    heard = []
    for at in range(0, len(clip("timer")), 700):
        heard += one.process(clip("timer")[at : at + 700, None])
        other.process(clip("stop")[at : at + 700, None])
    assert heard == alone
    assert one._judge._session is other._judge._session


def test_the_model_loads_in_less_than_half_a_second_of_cpu_and_later_users_load_nothing() -> None:
    path = model("silero_vad")

    def cost_s() -> float:
        before_s = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        judge("silero", RATE_HZ, path)
        return resource.getrusage(resource.RUSAGE_SELF).ru_utime - before_s

    assert cost_s() < 0.5
    assert min(cost_s() for _ in range(5)) < 0.005


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_loads_a_model_of_its_own() -> None:
    path = model("silero_vad")
    ours = judge("silero", RATE_HZ, path)
    child = os.fork()
    if child == 0:
        theirs = judge("silero", RATE_HZ, path)
        is_own = theirs._judge._session is not ours._judge._session
        heard = max(scored.score for scored in theirs.process(clip("stop")[:, None]))
        os._exit(0 if is_own and heard > 0.9 else 1)
    ended: list[int] = []

    def has_ended() -> bool:
        pid, status = os.waitpid(child, os.WNOHANG)
        ended.append(status)
        return pid == child

    wait_until(has_ended)
    assert os.waitstatus_to_exitcode(ended[-1]) == 0
