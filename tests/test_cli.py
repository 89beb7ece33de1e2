from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from control.daemon import Daemon

from satellite import __version__
from satellite.cli import main
from satellite.config import LogConfig
from satellite.config.schema import settings
from satellite.config.writing import example
from satellite.control import settings as control_settings
from satellite.control.settings import Changes

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's own satellite is seen: no file, no variable, no socket."""
    for name in [name for name in os.environ if name.startswith(("SATELLITE_", "XDG_", "STATE_", "RUNTIME_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def start(arguments: Sequence[str], **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "satellite", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    return subprocess.Popen(command, **pipes)  # type: ignore[call-overload, no-any-return]


def mistake_of(arguments: Sequence[str], capsys: pytest.CaptureFixture[str], code: int) -> str:
    """The one line that a call leaves on standard error."""
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("satellite: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err.removeprefix("satellite: ").rstrip("\n")


# --- help -----------------------------------------------------------------------------------------------------------

LOADED_BY_HELP = """
import sys
from satellite.cli import main
main(["--help"])
print(*sys.modules, file=sys.stderr)
"""


def test_help_loads_nothing_heavy() -> None:
    child = subprocess.run(
        [sys.executable, "-c", LOADED_BY_HELP], capture_output=True, text=True, check=True, timeout=30
    )
    loaded = set(child.stderr.split())
    heavy = {"numpy", "onnxruntime", "wyoming", "zeroconf", "alsaaudio", "soxr", "asyncio", "tomllib", "difflib"}
    assert not loaded & heavy
    ours = {name for name in loaded if name.startswith("satellite")}
    assert ours == {"satellite", "satellite.cli", "satellite.core", "satellite.core.errors", "satellite.options"}


def test_help_is_pleasant_to_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    assert max(map(len, page.splitlines())) <= 80
    for part in ("Running:", "Instead of running:", "Examples:", "Exit codes: 0 done"):
        assert part in page
    verbs = page.partition("Instead of running:")[2].partition("With some of these:")[0]
    for verb in (
        "--demo",
        "--list-devices",
        "--test-speaker",
        "--fetch-models",
        "--check-config",
        "--example-config",
        "--status",
        "--set",
    ):
        assert f"  {verb} " in verbs


def test_help_names_the_log_levels_and_the_port_as_the_configuration_has_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["-h"])
    page = " ".join(capsys.readouterr().out.split())
    *others, last = settings(LogConfig)["level"].metadata["choices"]
    assert f"{', '.join(others)} or {last} (default: info)" in page
    assert "(default: 10700)" in page


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"satellite {__version__}\n"


# --- mistakes in the options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--demo", "--status"], "--demo and --status together: one at a time, please"),
        (["--set", "volume=1", "--version"], "--set and --version together: one at a time, please"),
        (["--stauts"], "--stauts is not known; did you mean --status?"),
        (["--colume=3"], "--colume=3 is not known; did you mean --volume?"),
        (["--volu", "3"], "--volu is not known; did you mean --volume?"),
        (["xyz"], "xyz is not known; see satellite --help"),
        (["--port"], "--port: expected one argument; see satellite --help"),
        (["--status", "--output", "x.wav"], "--output goes with --demo only"),
        (
            ["--set", "volume"],
            f'--set: "volume" is not KEY=VALUE; what can be set: {control_settings._KNOWN}',
        ),
        (["--port", "ten", "--status"], '--port: server.port = "ten": must be a whole number from 0 to 65535'),
        (
            ["--wake-word", "a", "--wake-word", "a", "--status"],
            '--wake-word: wake word "a" is given 2 times; once is enough',
        ),
        (["--debug", "--config", "/none", "--status"], "/none: cannot be read: No such file or directory"),
        (["--config", "/none"], "/none: cannot be read: No such file or directory"),
        (["--config", "/none", "--demo"], "/none: cannot be read: No such file or directory"),
    ],
)
def test_a_mistake_in_the_options_is_one_line_and_exit_code_2(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mistake_of(arguments, capsys, 2) == text


def test_an_unknown_model_to_fetch_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean alexa?" in mistake_of(["--fetch-models", "alxa"], capsys, 1)


# --- configuration ----------------------------------------------------------------------------------------------------


def test_the_effective_configuration_is_printed_with_where_it_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[server]\nport = 1\n")
    monkeypatch.setenv("SATELLITE_AREA", "Küche")
    options = ["--name", "Den", "--debug", "--no-discovery", "--wake-word", "alexa", "--wake-word", "hey_jarvis"]
    assert main(["--check-config", "--config", str(file), *options]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"# {file}\n\n[satellite]\n")
    assert [line for line in page.splitlines() if "  # " in line] == [
        'name = "Den"  # --name',
        'area = "Küche"  # SATELLITE_AREA',
        'model = "alexa"  # --wake-word',
        'model = "hey_jarvis"  # --wake-word',
        f"port = 1  # {file}:2",
        "enabled = false  # --no-discovery",
        'level = "debug"  # --debug',
    ]


def test_all_mistakes_in_form_and_names_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[microphone]\ngain_db = 99\n[[wake_word]]\nmodel = 'alxa'\n")
    assert main(["--check-config", "--config", str(file), "--volume", "101"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[:3] == [
        "satellite: 3 mistakes:",
        f"  {file}:2: microphone.gain_db = 99: must be a number from -40 to 40",
        "  --volume: speaker.volume = 101: must be a whole number from 0 to 100",
    ]
    assert "did you mean alexa?" in err.splitlines()[3]


def test_the_example_goes_to_standard_output_or_into_a_new_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--example-config"]) == 0
    assert capsys.readouterr().out == example()
    assert main(["--example-config", str(tmp_path / "new.toml")]) == 0
    assert (tmp_path / "new.toml").read_text() == example()
    assert "exists already" in mistake_of(["--example-config", str(tmp_path / "new.toml")], capsys, 2)


# --- the running satellite --------------------------------------------------------------------------------------------


def test_status_is_a_page_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Daemon(tmp_path / "satellite.sock"):
        assert main(["--status"]) == 0
        assert capsys.readouterr().out == "state   waiting\nuptime  1 min 1 s\nsettings\n  volume  100\n"
        assert main(["--status", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["uptime_s"] == 61.0


def test_set_changes_the_running_satellite_and_shows_what_is_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Daemon(tmp_path / "satellite.sock") as daemon:
        assert main(["--set", "volume=60", "mute=on"]) == 0
        assert capsys.readouterr().out == "volume  60\n"
        assert daemon.changes == [Changes(volume=60, muted=True)]
        assert mistake_of(["--set", "mute=maybe"], capsys, 1) == 'mute = "maybe": must be on or off'


def test_the_socket_is_found_where_the_configuration_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATELLITE_PATHS_CONTROL", str(tmp_path / "other.sock"))
    with Daemon(tmp_path / "other.sock"):
        assert main(["--status"]) == 0


# --- as a process -----------------------------------------------------------------------------------------------------


def test_without_a_satellite_status_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with start(["--status"]) as child:
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (1, "")
    assert err.startswith("satellite: no satellite is running (looked at ")
    assert err.count("\n") == 1


def test_a_running_that_cannot_begin_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with start(["--port", "http"]) as child:
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (2, "")
    assert err == 'satellite: --port: server.port = "http": must be a whole number from 0 to 65535\n'


def test_a_reader_who_has_seen_enough_is_no_error_message() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with start(["--example-config"], stdout=writing) as child:
        os.close(writing)
        _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (1, "")


def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full, start(["--example-config"], stdout=full) as child:
        _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (1, "satellite: the output cannot be written: No space left on device\n")


class Kitchen(Daemon):
    """Has an umlaut in its name."""

    def status(self) -> Mapping[str, Any]:
        return {"name": "Küche"}


def test_a_terminal_that_knows_no_umlauts_is_no_reason_to_fail(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with Kitchen(tmp_path / "satellite.sock"), start(["--status"], env=environment) as child:
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (0, "name  K\\xfcche\n", "")


def test_without_standard_output_nothing_breaks() -> None:
    child = subprocess.run(
        ["sh", "-c", '"$0" -m satellite --version >&-', sys.executable],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (child.returncode, child.stderr) == (0, "")


def test_ctrl_c_is_exit_code_130_and_no_traceback(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(os.fspath(tmp_path / "satellite.sock"))
        silent.listen()
        with start(["--status"]) as child:
            connection, _ = silent.accept()
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=30)
            connection.close()
    assert (child.returncode, err) == (130, "")
