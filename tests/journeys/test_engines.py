"""Wake words of both engines in one satellite."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import clip, quiet, tone
from journeys.conftest import Home

from satellite.detect.microwakeword import missing

BOTH = {"[wake_word]": 'model = "okay_nabu"\n[[wake_word]]\nmodel = "alexa"', "command": "no_speech_s = 1.0"}


async def answer(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.transcript("nothing")
    await ha.answer("Done", tone(0.2))


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_home_assistant_hears_of_words_of_both_engines_from_one_satellite(home: Callable[..., None]) -> None:
    async def story(home: Home) -> None:
        for number, name in enumerate(["okay_nabu", "alexa", "okay_nabu"], 1):
            home.say(quiet(0.5), clip(name), quiet(1.5))
            await home.ha.wait_for("played", number)
        assert [event.data["name"] for event in home.ha.of("detection")] == ["okay_nabu", "alexa", "okay_nabu"]
        told = {model["name"]: model for program in home.ha.infos[-1]["wake"] for model in program["models"]}
        assert (told["okay_nabu"]["phrase"], told["okay_nabu"]["attribution"]["name"]) == ("Okay Nabu", "microWakeWord")
        assert (told["alexa"]["phrase"], told["alexa"]["attribution"]["name"]) == ("Alexa", "openWakeWord")
        status = await home.box.status()
        assert status["settings"]["threshold"] == {"okay_nabu": 0.85, "alexa": 0.6}
        assert status["listener"]["warm"]

    home(story, on_stream=answer, settings=BOTH)
