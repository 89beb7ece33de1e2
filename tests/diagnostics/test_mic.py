"""--test-mic as a person runs it: on a virtual card, and on files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostics.made import hum, mixed, room, spoken
from programs import SPEAK
from satcard.satcard import VirtualCards
from signals import clipped
from speech import clip

from satellite.cli import main
from satellite.codec.wav import wav_header, write_wav
from satellite.core.audio import AudioFormat, Int16

MakeCards = Callable[..., VirtualCards]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No satellite of this machine is asked, no configuration of it is read; the models are the usual ones."""
    monkeypatch.setenv("SATELLITE_PATHS_MODELS", str(Path.home() / ".local/share/satellite/models"))
    monkeypatch.setenv("SATELLITE_PATHS_CONTROL", str(tmp_path / "none.sock"))
    (tmp_path / "config" / "satellite").mkdir(parents=True)
    (tmp_path / "config" / "satellite" / "satellite.toml").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    # A loaded machine must not look like a card that loses sound.
    monkeypatch.setenv("SATELLITE_MICROPHONE_BUFFER_MS", "4000")


@dataclass
class Ended:
    """What a run left."""

    returncode: int
    stdout: str
    stderr: str


TestMic = Callable[..., Ended]


@pytest.fixture
def run_test_mic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> TestMic:
    """Runs it in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> Ended:
        code = main(["--test-mic", *options])
        return Ended(code, *capsys.readouterr())

    return run


def file(folder: Path, *channels: Int16) -> str:
    form = AudioFormat(16_000, len(channels), 2)
    write_wav(folder / "made.wav", np.stack(channels, axis=1).astype("<i2").tobytes(), form)
    return "made.wav"


def codes(answer: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in answer["findings"]]


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_healthy_recording_is_exit_code_0_and_a_page_in_plain_words(tmp_path: Path, run_test_mic: TestMic) -> None:
    ended = run_test_mic("--file", file(tmp_path, spoken()))
    assert (ended.returncode, ended.stderr) == (0, "")
    for words in (
        "noise floor",
        "speech to noise",
        "none",
        "Hey Jarvis",
        "heard once",
        "|",
        "The microphone is healthy.",
    ):
        assert words in ended.stdout


def test_a_faulty_one_is_exit_code_1_and_says_what_to_change(tmp_path: Path, run_test_mic: TestMic) -> None:
    ended = run_test_mic("--file", file(tmp_path, clipped(spoken(), 22), spoken()))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "! it clips" in ended.stdout
    assert "-> lower the capture volume of" in ended.stdout
    assert "channel 1" in ended.stdout


def test_json_is_the_documented_form(tmp_path: Path, run_test_mic: TestMic) -> None:
    ended = run_test_mic("--file", file(tmp_path, mixed(spoken(), hum(9, -44)[: len(spoken())])), "--json")
    assert (ended.returncode, ended.stderr) == (1, "")
    answer = json.loads(ended.stdout)
    assert list(answer) == ["version", "healthy", "headline", "findings", "figures", "source", "traces", "notes"]
    assert (answer["version"], answer["healthy"]) == (1, False)
    assert "hum" in codes(answer)
    assert set(answer["findings"][0]) == {"code", "severity", "text", "advice"}
    documented = (Path(__file__).parents[2] / "docs" / "test-mic.md").read_text()
    names = {
        *answer["figures"],
        *answer["figures"]["channels"][0],
        *answer["figures"]["wake_words"][0],
        *answer["source"],
    }
    assert [name for name in sorted(names) if f"`{name}`" not in documented] == []
    assert answer["figures"]["hum"]["mains_hz"] == 50
    trace = answer["traces"]["speech"]
    # The pause after the wake word is shorter than one that ends a command.
    ((begin_s, end_s),) = trace["utterances"]
    assert (begin_s, end_s) == pytest.approx((1.0, 3.6), abs=0.3)
    assert len(trace["values"]) * trace["step_s"] == pytest.approx(answer["figures"]["duration_s"], abs=0.05)
    assert max(answer["traces"]["wake_words"]["hey_jarvis"]["values"]) > 0.5


def test_of_a_long_recording_the_beginning_is_heard_and_that_is_said(
    tmp_path: Path, run_test_mic: TestMic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SATELLITE_PATHS_MODELS", "/none")  # five minutes without models are quick
    form = AudioFormat(8_000, 1, 2)
    write_wav(tmp_path / "long.wav", room(155.0, -60).tobytes(), form)
    answer = json.loads(run_test_mic("--file", "long.wav", "--json").stdout)
    assert answer["figures"]["duration_s"] == pytest.approx(300, abs=1)
    assert any("only the first 300 s were heard" in note for note in answer["notes"])


def test_the_report_is_written(tmp_path: Path, run_test_mic: TestMic) -> None:
    ended = run_test_mic("--file", file(tmp_path, spoken()), "--report", "r.html")
    assert ended.returncode == 0
    assert "The report is in r.html" in ended.stdout
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--file", "none.wav"], "none.wav: No such file or directory"),
        (["--file", "text.wav"], "text.wav: this is not a WAV file"),
        (["--file", "slow.wav"], "slow.wav (500 Hz mono 16 bit): 500 Hz: only 1000 to 384000 Hz can be converted"),
        (["--mic", "x", "--file", "y.wav"], "--mic and --file together"),
        (["--seconds", "0"], "--seconds 0: must be more than 0 and at most 300"),
        (["--seconds", "-1"], "--seconds -1: must be"),
        (["--seconds", "nan"], "--seconds nan: must be"),
        (["--seconds", "soon"], "--seconds: invalid float value"),
        (["--report", "none/r.html"], "--report none/r.html: cannot be written"),
        (["--report", "."], "--report .: cannot be written"),
        (["--mic", "Nobody"], "there is no microphone 'Nobody'"),
        (["--mic", "command:false"], "false"),
        (["--config", "none.toml"], "none.toml: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    options: list[str], text: str, tmp_path: Path, run_test_mic: TestMic, cards: VirtualCards
) -> None:
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "slow.wav").write_bytes(wav_header(AudioFormat(500, 1, 2), 1_000) + bytes(1_000))
    ended = run_test_mic(*options)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert text in ended.stderr


def test_a_report_that_is_there_stays_when_the_test_cannot_run(tmp_path: Path, run_test_mic: TestMic) -> None:
    (tmp_path / "r.html").write_text("precious")
    assert run_test_mic("--file", "none.wav", "--report", "r.html").returncode == 2
    assert (tmp_path / "r.html").read_text() == "precious"
    assert run_test_mic("--file", "none.wav", "--report", "new.html").returncode == 2
    assert not (tmp_path / "new.html").exists()


# --- cards ------------------------------------------------------------------------------------------------------------


def test_a_healthy_card_without_any_configuration(tmp_path: Path, run_test_mic: TestMic, cards: VirtualCards) -> None:
    cards.say(spoken())
    ended = run_test_mic("--mic", "satmic", "--seconds", "4", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    answer = json.loads(ended.stdout)
    assert codes(answer) == []
    assert answer["source"]["live"]
    assert answer["figures"]["real_rate_hz"] == pytest.approx(16_000, rel=0.01)
    assert answer["figures"]["duration_s"] == pytest.approx(3.8, abs=0.5)
    assert answer["figures"]["wake_words"][0]["heard"] == 1


def test_all_channels_of_a_card_are_heard_though_the_satellite_asks_for_one(
    tmp_path: Path, run_test_mic: TestMic, make_cards: MakeCards
) -> None:
    cards = make_cards(mic_channels=(2,))
    said = spoken()
    cards.say(np.stack([said, np.zeros_like(said)], axis=1))
    answer = json.loads(run_test_mic("--mic", "satmic", "--seconds", "1", "--json").stdout)
    assert answer["source"]["channels"] == 2
    assert "dead_channel" in codes(answer)


def test_a_card_whose_clock_is_wrong(tmp_path: Path, run_test_mic: TestMic, cards: VirtualCards) -> None:
    cards.speed("mic", 0.9)
    cards.say(np.tile(spoken(), 3))
    ended = run_test_mic("--mic", "satmic", "--seconds", "3", "--json")
    answer = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert "wrong_rate" in codes(answer)
    assert answer["figures"]["real_rate_hz"] == pytest.approx(14_400, rel=0.02)


def test_a_card_that_loses_sound(tmp_path: Path, cards: VirtualCards) -> None:
    cards.say(np.tile(spoken(), 3))
    command = [sys.executable, "-m", "satellite", "--test-mic", "--mic", "satmic", "--seconds", "3", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as child:
        cards.wait_for("mic", "start", timeout_s=30)
        cards.xrun("mic")
        out, _ = child.communicate(timeout=60)
    answer = json.loads(out)
    assert child.returncode == 1
    assert answer["figures"]["overruns"] >= 1
    assert "xruns" in codes(answer)


def test_a_card_that_is_unplugged_meanwhile_is_one_line(tmp_path: Path, cards: VirtualCards) -> None:
    command = [sys.executable, "-m", "satellite", "--test-mic", "--mic", "satmic", "--seconds", "20"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) as child:  # type: ignore[call-overload]
        cards.wait_for("mic", "start", timeout_s=30)
        cards.unplug("mic")
        out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (2, "")
    assert err.count("\n") == 1


def test_a_program_as_a_microphone(tmp_path: Path, run_test_mic: TestMic) -> None:
    (tmp_path / "sound.raw").write_bytes(spoken().astype("<i2").tobytes())
    (tmp_path / "speak.py").write_text(textwrap.dedent(SPEAK))
    microphone = f"command:{sys.executable} {tmp_path / 'speak.py'} {tmp_path / 'sound.raw'}"
    ended = run_test_mic("--mic", microphone, "--seconds", "1", "--json")
    assert json.loads(ended.stdout)["figures"]["duration_s"] > 1.0


# --- a terminal -------------------------------------------------------------------------------------------------------


def on_a_terminal(folder: Path, *options: str, timeout_s: float = 60) -> tuple[int, str]:
    """Run it with a terminal for its input and output: the exit code, and what was shown."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "satellite", "--test-mic", *options]
    child = subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65_536):
            shown += part
    except OSError:
        pass  # the terminal's other end is closed
    finally:
        os.close(ours)
    return child.wait(timeout_s), shown.decode()


def test_on_a_terminal_the_level_is_shown_while_it_listens(tmp_path: Path, cards: VirtualCards) -> None:
    cards.say(spoken())
    code, shown = on_a_terminal(tmp_path, "--mic", "satmic", "--seconds", "2.5")
    assert code == 0
    assert shown.count("\r\x1b[K[") > 20
    assert " dBFS, peak " in shown
    assert "Listening to satmic" in shown
    assert "be quiet" not in shown


@pytest.mark.long
def test_on_a_terminal_one_is_guided(tmp_path: Path, cards: VirtualCards) -> None:
    jarvis = np.concatenate([clip("hey_jarvis"), room(1.2, -100)])
    said = [room(4.0, -100), clip("timer"), clip("open_door"), room(2.0, -100), jarvis, jarvis, jarvis, room(9.0, -100)]
    sound = np.concatenate(said)
    cards.say(mixed(sound, room(len(sound) / 16_000 + 1)[: len(sound)]))
    code, shown = on_a_terminal(tmp_path, "--mic", "satmic")
    asked = [shown.index(text) for text in ("1 of 3: be quiet", "2 of 3: now speak", '3 of 3: now say "Hey Jarvis"')]
    assert asked == sorted(asked)
    assert "heard 3 times" in shown
    assert code == 0
