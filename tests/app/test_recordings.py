"""What is kept of a turn, and what is not."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from satellite.app.recordings import WAITING, Recordings
from satellite.codec.wav import read_wav
from satellite.config import RecordingsConfig
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg

WAKE = ev.WakeDetected("alexa", "Alexa", 0.9, 0, -60.0)
ALL = RecordingsConfig(wakes=True, near_misses=True, utterances=True)
STREAM = [fx.TellServer(msg.MicAudio(bytes([n, 0]) * 100)) for n in range(3)]
TURN = [WAKE, fx.StartStream(4, -60.0), *STREAM, ev.SpeechEnded(4, 0, ev.EndReason.SILENCE)]
MISS = ev.Overheard("near miss", "alexa", 0.412345, 0.5, 100, 50, bytes(64_000))


def lived(state: Path, story: Iterable[ev.Event | fx.Effect], config: RecordingsConfig = ALL) -> Recordings:
    """All of it happened, and what was to be written was written."""
    made: list[Recordings] = []

    async def live() -> None:
        made.append(Recordings(config, state))
        for what in story:
            made[0].write(what)
        await made[0].close()

    asyncio.run(live())
    return made[0]


def told(state: Path) -> list[dict[str, object]]:
    files = sorted((state / "recordings").glob("*.json"))
    return [json.loads(file.read_text()) for file in files]


def test_a_command_is_kept_as_it_was_streamed_with_what_was_understood(tmp_path: Path) -> None:
    recordings = lived(tmp_path, [*TURN, ev.TranscriptReceived("light on"), STREAM[0]])
    (about,) = told(tmp_path)
    time = about.pop("time")
    assert str(time).startswith("20")
    assert about == {
        "kind": "utterance",
        "turn": 4,
        "wake_word": "alexa",
        "score": 0.9,
        "ended": "silence",
        "transcript": "light on",
    }
    (wav,) = (tmp_path / "recordings").glob("*-utterance-alexa.wav")
    assert read_wav(wav)[1] == b"".join(bytes([n, 0]) * 100 for n in range(3))
    assert recordings.status()["saved"] == 1
    assert recordings.status()["count"] == 1


@pytest.mark.parametrize("end", [ev.PipelineFailed("stt", "no"), fx.PlayCue("away"), fx.StartStream(5, -60.0), None])
def test_a_command_that_nobody_understood_is_kept_too(tmp_path: Path, end: ev.Event | fx.Effect | None) -> None:
    lived(tmp_path, [*TURN, *([end] if end else [])])
    (about,) = told(tmp_path)
    assert about["turn"] == 4
    assert about.get("error") == ("stt" if isinstance(end, ev.PipelineFailed) else None)


def test_a_command_that_waits_for_a_new_server_is_one_recording(tmp_path: Path) -> None:
    away = [ev.ServerLost(1, "gone"), fx.PlayCue("waiting"), *STREAM, ev.ServerConnected(2, "peer")]
    lived(tmp_path, [*TURN, *away, ev.TranscriptReceived("light on")])
    (about,) = told(tmp_path)
    assert about["transcript"] == "light on"
    (wav,) = (tmp_path / "recordings").glob("*.wav")
    assert len(read_wav(wav)[1]) == 6 * 200


def test_a_near_miss_is_kept_with_its_score(tmp_path: Path) -> None:
    lived(tmp_path, [MISS])
    (about,) = told(tmp_path)
    assert (about["kind"], about["wake_word"], about["score"], about["threshold"]) == ("near-miss", "alexa", 0.412, 0.5)


def test_by_default_nothing_is_kept_nor_made(tmp_path: Path) -> None:
    recordings = lived(tmp_path, [*TURN, ev.TranscriptReceived("x")], RecordingsConfig())
    assert list(tmp_path.iterdir()) == []
    assert recordings.keep == fx.Keep()
    assert recordings.status()["keeping"] == []


def test_mute_means_nothing(tmp_path: Path) -> None:
    muted = fx.ListenFor(None, muted=True)
    lived(tmp_path, [*TURN, muted, ev.TranscriptReceived("x"), MISS])
    assert told(tmp_path) == []
    lived(tmp_path, [muted, fx.ListenFor(None, muted=False), MISS])
    assert len(told(tmp_path)) == 1


def test_another_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    recordings = lived(tmp_path, [MISS], RecordingsConfig(near_misses=True, folder=str(tmp_path / "elsewhere")))
    assert recordings.status()["folder"] == str(tmp_path / "elsewhere")
    assert len(list((tmp_path / "elsewhere").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_told_once_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "recordings").write_text("a file where the folder should be")
    recordings = lived(tmp_path, [MISS] * 3)
    assert (recordings.status()["saved"], recordings.status()["failed"]) == (0, 3)
    lines = [record.message for record in caplog.records if "cannot be written" in record.message]
    assert lines == [f"recordings cannot be written to {tmp_path / 'recordings'}: File exists"]


def test_a_disk_that_is_too_slow_costs_recordings_not_memory(tmp_path: Path) -> None:
    over = threading.Event()

    async def live() -> Recordings:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        slow = loop.run_in_executor(None, over.wait)
        recordings = Recordings(ALL, tmp_path)
        for _ in range(WAITING + 4):
            recordings.write(MISS)
        assert recordings.status()["dropped"] == 4
        over.set()
        await slow
        await recordings.close()
        return recordings

    assert asyncio.run(live()).status()["saved"] == WAITING


def test_what_is_kept_is_said_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lived(tmp_path, [], RecordingsConfig(wakes=True, near_misses=True))
    (line,) = [record.message for record in caplog.records if record.name == "satellite.app.recordings"]
    assert line == f"recordings are kept in {tmp_path / 'recordings'}: wakes, near misses"
