"""What leaves the device, and who can make it leave: by default nobody but a person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fakes_ha import FakeHomeAssistant
from journeys.box import clip, quiet
from journeys.conftest import Home
from journeys.faults import answer

RunHome = Callable[..., None]


async def everything_that_a_server_may_say(ha: FakeHomeAssistant) -> None:
    """Events that begin a stream elsewhere, or that follow one."""
    stages = {"start_stage": "asr", "end_stage": "tts", "restart_on_end": True}
    for kind, data in (
        ("run-pipeline", stages),
        ("run-pipeline", {**stages, "start_stage": "wake"}),
        ("detect", {"names": None}),
        ("detection", {"name": "hey_jarvis", "timestamp": 0}),
        ("transcribe", {"language": "en"}),
        ("voice-started", {"timestamp": 0}),
        ("transcript", {"text": "are you there?"}),
        ("synthesize", {"text": "are you there?"}),
        ("run-satellite", {}),
        ("timer-finished", {"id": "x"}),
    ):
        await ha.send(kind, data)


def test_no_sound_leaves_before_the_wake_word_whatever_the_server_says(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await everything_that_a_server_may_say(home.ha)
        home.say(clip("kitchen_light"), quiet(1.0))
        await home.heard_out()
        await everything_that_a_server_may_say(home.ha)
        home.say(clip("what_time"), quiet(1.0))
        await home.heard_out()
        await home.box.reports(lambda status: status["state"] == "idle")
        assert home.ha.of("audio-chunk") == home.ha.of("run-pipeline") == []
        await home.box.set(alarm="off")
        home.say(quiet(1.0), clip("hey_jarvis"), quiet(0.3), clip("kitchen_light"), quiet(1.0))
        await home.ha.wait_for("played")
        heard = np.frombuffer(bytes(home.ha.run.pcm), "<i2").tobytes()
        assert clip("kitchen_light").tobytes() in heard
        assert clip("what_time").tobytes()[-2_000:] not in heard, "nothing of what was said before"

    home(story, on_stream=answer)


def test_where_the_owner_lets_it_the_server_may_make_it_listen(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.ha.send("run-pipeline", {"start_stage": "asr", "end_stage": "tts"})
        await home.ha.running()
        home.say(clip("kitchen_light"), quiet(1.5))
        await home.ha.wait_for("played")
        assert clip("kitchen_light").tobytes() in home.ha.run.pcm
        assert home.ha.of("detection") == []

    home(story, on_stream=answer, settings={"server": "remote_trigger = true"})
