"""While models load, which takes seconds on a small board: here exactly as long as the test wants."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from journeys.box import clip, quiet
from journeys.conftest import HABITS, Home
from journeys.held import HeldFile
from journeys.test_pitfalls import described_at_once
from journeys.test_turns import answer_shortly, only_listen
from speech import model

RunHome = Callable[..., None]
NAMES = ["melspectrogram", "embedding", "silero_vad", "hey_jarvis", "alexa"]
# It comes back at once to a satellite that was away.
EAGER = replace(HABITS, restart_after_s=0.1, reconnect_after_s=0.1).faster(4)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models that is this test's own."""
    (tmp_path / "models").mkdir()
    for name in NAMES:
        shutil.copy(model(name), tmp_path / "models")
    return tmp_path / "models"


async def served(home: Home) -> None:
    """Asked and pinged, it answers."""
    await described_at_once(home)
    pongs = len(home.ha.of("pong"))
    await home.ha.wait_for("pong", pongs + 2)
    await described_at_once(home)


def test_2_describe_and_ping_are_answered_while_models_load_at_the_start(home: RunHome, models: Path) -> None:
    async def story(home: Home) -> None:
        await home.box.stop()
        with HeldFile(models / model("embedding").name) as held:
            await home.box.launch()
            await held.wanted()
            await home.ha.connected(2)
            await served(home)
            assert (await home.box.status())["microphone"]["state"] == "loading models"
            held.let_go()
            await home.box.says("microphone: ")
        home.say(quiet(2.5))
        home.say_command()
        await home.ha.wait_for("played")

    home(story, on_stream=answer_shortly, habits=EAGER, settings={"paths": f'models = "{models}"'})


def test_2_describe_and_ping_are_answered_and_it_hears_while_models_load_at_a_reload(
    home: RunHome, models: Path
) -> None:
    async def story(home: Home) -> None:
        with home.box.config.open("a") as config:
            config.write('[[wake_word]]\nmodel = "hey_jarvis"\n[[wake_word]]\nmodel = "alexa"\n')
        with HeldFile(models / model("alexa").name) as held:
            home.box.signal(signal.SIGHUP)
            await held.wanted()
            await served(home)
            home.say_wake_word()
            assert (await home.ha.wait_for("detection")).data["name"] == "hey_jarvis"
            await home.ha.error("stt-no-text-recognized")
            assert not any("reloaded" in line for line in home.box.log)
            held.let_go()
            await home.box.says("configuration reloaded")
        assert home.ha.lost == []
        home.say(quiet(2.5), clip("alexa"), quiet(1.0))
        assert (await home.ha.wait_for("detection", 2)).data["name"] == "alexa"

    home(story, on_stream=only_listen, habits=EAGER, settings={"paths": f'models = "{models}"'})


def test_a_stop_while_models_load_is_quick_and_clean(home: RunHome, models: Path) -> None:
    async def story(home: Home) -> None:
        await home.box.stop()
        with HeldFile(models / model("embedding").name) as held:
            await home.box.launch()
            await held.wanted()
            code, took_s = await home.box.stop()
        assert (code, took_s < 2.0) == (0, True), took_s

    home(story, habits=EAGER, settings={"paths": f'models = "{models}"'})
