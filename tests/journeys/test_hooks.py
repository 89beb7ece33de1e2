"""The owner's commands beside a conversation: each at its moment, and none in its way."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from journeys.box import clip, quiet
from journeys.conftest import HABITS, Home
from journeys.faults import answer

RunHome = Callable[..., None]
NOTES = 'echo "$HOOK_EVENT:$HOOK_TEXT" >>"$1"'
HANGS_S = 10.0
HANGS = f"import time; time.sleep({HANGS_S})"


def command(program: str, *arguments: object) -> str:
    """As a line of the configuration has it, in TOML's own quotes."""
    return "'''" + shlex.join([sys.executable, "-c", program, *map(str, arguments)]) + "'''"


def test_a_turn_is_told_to_whom_it_concerns(home: RunHome, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    names = ("ready", "wake", "streaming_start", "streaming_stop", "transcript", "answer", "playing", "played")
    note = shlex.join(["sh", "-c", NOTES, "note", str(notes)])
    settings = {"hooks": "\n".join(f"{name} = '''{note}'''" for name in names)}

    def noted() -> list[str]:
        return notes.read_text().splitlines() if notes.exists() else []

    async def story(home: Home) -> None:
        await home.until(lambda: noted() == ["ready:"], "a line from the first command")
        home.say_command()
        await home.ha.wait_for("played")
        # Four run at a time: on a busy machine they may overtake one another.
        await home.until(lambda: len(noted()) == len(names), "a line from each command")
        assert set(noted()) == {
            "ready:",
            "wake:Hey Jarvis",
            "streaming_start:",
            "streaming_stop:",
            "transcript:x",
            "answer:Done",
            "playing:",
            "played:",
        }
        status = (await home.box.status())["hooks"]
        assert (status["started"], status["failed"], status["skipped"]) == (len(names), 0, 0)

    home(story, on_stream=answer, settings=settings)


@pytest.mark.timeout(120)
def test_a_command_that_takes_ten_seconds_delays_no_pong_and_no_turn(home: RunHome) -> None:
    """As many pongs as there would be without it, each long before Home Assistant loses patience."""

    async def story(home: Home) -> None:
        began_s = home.ha.now_s
        home.say_command()
        await home.ha.wait_for("played")
        assert (await home.box.status())["hooks"]["running"] >= 1
        pongs = len(home.ha.of("pong"))
        while home.ha.now_s < began_s + HANGS_S:
            pongs += 1
            await home.ha.wait_for("pong", pongs)
        times = [pong.at_s for pong in home.ha.of("pong")]
        assert max(later - earlier for earlier, later in pairwise(times)) < 5.0
        assert home.ha.lost == []
        home.say(quiet(2.0), clip("hey_jarvis"), quiet(0.3), clip("kitchen_light"), quiet(1.0))
        await home.ha.wait_for("played", 2)

    hang = command(HANGS)
    lines = "\n".join(f"{name} = {hang}" for name in ("wake", "transcript", "connected", "playing"))
    home(story, on_stream=answer, habits=HABITS.faster(10), settings={"hooks": lines})


def test_commands_that_cannot_be_started_or_fail_cost_a_line_each_and_nothing_else(home: RunHome) -> None:
    settings = {
        "hooks": 'wake = "/nonexistent/lamp on"\nplayed = ' + command("import sys; sys.exit('the lamp is off')"),
    }

    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.wait_for("played")
        await home.box.says("hook wake cannot be started: No such file or directory")
        await home.box.says("hook played ended with exit code 1: the lamp is off")
        await home.box.reports(lambda status: status["hooks"]["failed"] == 2)

    home(story, on_stream=answer, settings=settings)


def test_the_end_of_the_satellite_waits_for_no_command(home: RunHome) -> None:
    async def story(home: Home) -> None:
        await home.box.reports(lambda status: status["hooks"]["running"] >= 1)
        code, took_s = await home.box.stop()
        assert (code, took_s < 10.0) == (0, True), took_s

    home(story, settings={"hooks": f"ready = {command(HANGS)}"})
