"""What the owner does to the running satellite."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import numpy as np
from detect.graphs import write_graph
from fakes_ha import FakeHomeAssistant
from journeys.box import Box, clip, quiet, tone
from journeys.conftest import Home
from journeys.test_turns import answer_shortly, only_listen

RunHome = Callable[..., None]


def test_what_is_set_is_in_force_at_once_and_survives_a_kill(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.box.set(volume="0", mute="on")
        home.ha.state = "idle"
        await home.ha.speak(tone(0.5))
        await home.ha.wait_for("played")
        assert not home.cards.heard().any()
        home.say_command()
        home.say(quiet(1.0))
        await home.box.stop(signal.SIGKILL)
        await home.box.start()
        settings = (await home.box.status())["settings"]
        assert (settings["volume"], settings["mute"]) == (0, True)
        assert home.ha.runs == []

    home(story)


def test_unmuted_it_hears_again(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.box.set(mute="on")
        await home.box.reports(lambda status: "microphone: open, muted;" in status["summary"])
        await home.box.set(mute="off")
        await home.box.reports(lambda status: "microphone: open;" in status["summary"])
        home.say(quiet(1.0))
        home.say_command()
        await home.ha.running()

    home(story)


def test_the_identity_stays(home: RunHome) -> None:
    async def story(home: Home) -> None:
        before = (home.box.folder / "state" / "identity").read_text()
        await home.box.stop(signal.SIGKILL)
        await home.box.start()
        assert (home.box.folder / "state" / "identity").read_text() == before

    home(story)


def test_a_threshold_that_nothing_reaches_makes_it_deaf_to_the_word(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.box.set(**{"threshold.hey_jarvis": "1"})
        home.say_command()
        home.say(quiet(1.0))
        await home.heard_out()
        assert home.ha.runs == []

    home(story)


def test_the_sensitivity_is_changed_while_it_runs_and_survives_a_kill(home: RunHome) -> None:
    async def story(home: Home) -> None:
        assert (await home.box.status())["settings"]["sensitivity"] == "normal"
        answer = await home.box.set(sensitivity="low")
        assert answer["sensitivity"] == "low"
        home.say_command()
        await home.ha.running()
        await home.box.stop(signal.SIGKILL)
        await home.box.start()
        status = await home.box.reports(lambda status: status["listener"] != "loading models")
        assert status["settings"]["sensitivity"] == "low"
        assert status["listener"]["engine"] == "openWakeWord, incremental"

    home(story)


def test_a_new_configuration_is_taken_up_without_a_restart(home: RunHome) -> None:
    async def story(home: Home) -> None:
        text = home.box.config.read_text()
        home.box.config.write_text(
            text.replace('name = "Test"', 'name = "Cellar"').replace("buffer_ms", "gain_db = 6\nbuffer_ms")
        )
        home.box.signal(signal.SIGHUP)
        await home.box.says("configuration reloaded")
        info = await home.ha.describe()
        assert info["satellite"]["name"] == "Cellar"
        home.say(quiet(2.5))
        home.say_command()
        await home.ha.wait_for("played")

    home(story, on_stream=answer_shortly)


def test_a_wrong_configuration_is_refused_and_the_old_one_stays(home: RunHome) -> None:
    async def story(home: Home) -> None:
        text = home.box.config.read_text()
        home.box.config.write_text(text.replace('device = "satmic"', 'device = "satmic"\nchanel = 3'))
        home.box.signal(signal.SIGHUP)
        await home.box.says("configuration not reloaded")
        assert any("channel" in line for line in home.box.log)
        home.box.log.clear()
        home.say_command()
        await home.ha.wait_for("played")

    home(story, on_stream=answer_shortly)


def test_a_wake_word_that_is_none_is_one_line_and_the_old_one_is_heard_on(home: RunHome) -> None:
    async def story(home: Home) -> None:
        wrong = write_graph(home.box.folder / "own.onnx", (1, 16, 95))
        home.box.config.write_text(f'{home.box.config.read_text()}\n[[wake_word]]\nmodel = "{wrong}"\n')
        home.box.signal(signal.SIGHUP)
        await home.box.says("ERROR   configuration not reloaded: model")
        assert sum(str(wrong) in line for line in home.box.log) == 1
        home.box.log.clear()
        home.say_command()
        await home.ha.wait_for("played")

    home(story, on_stream=answer_shortly)


def test_a_microphone_that_is_unplugged_is_heard_again_when_it_is_back(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.streaming()
        home.cards.unplug("mic")
        await home.box.says("WARNING microphone")
        await home.ha.stream_ended()
        home.cards.plug("mic")
        await home.box.says("INFO    microphone:", count=2)
        home.say(quiet(2.5))
        home.say_command()
        await home.ha.running(2)

    home(story, on_stream=only_listen)


def test_without_a_microphone_it_announces_all_the_same(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.cards.unplug("mic")
        await home.box.says("WARNING microphone")
        assert await home.ha.announce(tone(0.5))
        assert np.count_nonzero(home.cards.heard()) > 0.45 * 48_000

    home(story)


def test_two_wake_words_at_once(home: RunHome) -> None:
    async def story(home: Home) -> None:
        info = await home.ha.describe()
        models = [model["name"] for program in info["wake"] for model in program["models"]]
        assert models == ["alexa", "hey_jarvis"]
        home.say_command()
        assert (await home.ha.wait_for("detection")).data["name"] == "hey_jarvis"

    words = {"[wake_word]": 'model = "alexa"\n\n[[wake_word]]\nmodel = "hey_jarvis"'}
    home(story, on_stream=only_listen, settings=words)


def test_a_second_satellite_does_not_disturb_the_first(home: RunHome) -> None:
    async def story(home: Home) -> None:
        other = Box(home.box.folder, home.cards)
        other.config.write_text(home.box.config.read_text())
        try:
            await other.start(hears=False)
        except AssertionError:
            assert any("another satellite is running" in line for line in other.log)
        else:
            raise AssertionError("it started")
        assert home.ha.lost == []

    home(story)


def test_an_unknown_peer_sees_nothing_of_the_conversation(home: RunHome) -> None:
    """A second client that never asks to be the server gets no sound of the command."""

    async def story(home: Home) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", home.box.port)
        home.say(clip("hey_jarvis"), quiet(0.3), clip("kitchen_light"), quiet(1.0))
        await home.ha.wait_for("played")
        writer.write(b'{"type":"describe"}\n')
        line = await reader.readline()
        assert b'"info"' in line
        writer.close()

    async def answer(ha: FakeHomeAssistant) -> None:
        await answer_shortly(ha)

    home(story, on_stream=answer)
