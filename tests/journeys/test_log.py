"""What a turn leaves in the log and in the status."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from journeys.conftest import Home
from journeys.test_turns import answer_shortly

# In the order in which they must happen; with a card at double speed, speech_started may be any time before its end.
MOMENTS = [
    "wake_ms",
    "run_pipeline_ms",
    "accepted_ms",
    "speech_ended_ms",
    "audio_stop_ms",
    "transcript_ms",
    "first_answer_sound_ms",
    "first_sound_written_ms",
    "played_ms",
]


def test_a_turn_is_one_line_of_json_with_all_its_moments_in_order(home: Callable[..., None]) -> None:
    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.wait_for("played", within_s=15)
        await home.box.says('"turn": 1')
        entries = [json.loads(line) for line in home.box.log]
        assert all({"time", "level", "logger", "message"} <= entry.keys() for entry in entries)
        (turn,) = [entry for entry in entries if entry["logger"] == "satellite.turn"]
        assert (turn["outcome"], turn["wake_word"]) == ("answered", "hey_jarvis")
        moments = [turn[name] for name in MOMENTS]
        assert moments[0] >= 0
        assert np.all(np.diff(moments) >= 0), turn
        assert turn["run_pipeline_ms"] <= turn["first_sound_sent_ms"] <= turn["speech_ended_ms"]
        (last,) = (await home.box.status())["last_turns"]
        assert last.items() <= turn.items()

    home(story, on_stream=answer_shortly, settings={"log": 'format = "json"'})
