"""scripts/setup and its companions, run for real in a small project of their own: no network, no Debian packages."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = [*sorted((ROOT / "scripts").iterdir()), ROOT / ".ci" / "run"]

# Stands for this project: nothing to download, and it builds itself without setuptools.
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "satellite"
version = "1"
optional-dependencies = { dev = [], micro = [] }
"""
BACKEND = """
import zipfile

FILES = {
    "small.py": "import sys\\ndef main(): print('satellite', *sys.argv[1:])\\n",
    "satellite-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: satellite\\nVersion: 1\\n"
    "Provides-Extra: dev\\nProvides-Extra: micro\\n",
    "satellite-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "satellite-1.dist-info/entry_points.txt": "[console_scripts]\\nsatellite = small:main\\n",
    "satellite-1.dist-info/RECORD": "",
}

def build_editable(folder, settings=None, metadata=None):
    with zipfile.ZipFile(f"{folder}/satellite-1-py3-none-any.whl", "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
    return "satellite-1-py3-none-any.whl"
"""


class Clone:
    """A folder with our scripts in it, and programs that stand before the system's on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a clone"
        self.programs = folder / "programs"
        self.calls = folder / "calls"
        self.programs.mkdir()
        shutil.copytree(ROOT / "scripts", self.folder / "scripts")
        shutil.copytree(ROOT / "firmware-config", self.folder / "firmware-config")
        (self.folder / "pyproject.toml").write_text(PROJECT)
        (self.folder / "backend.py").write_text(BACKEND)
        self.program("apt-get", f'echo "apt-get $*" >>"{self.calls}"')
        self.program("sudo", "exit 1")
        self.installed("gcc", "libc6-dev", "libasound2-dev", "libspeexdsp1")

    def program(self, name: str, text: str) -> Path:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def installed(self, *packages: str) -> None:
        self.program("dpkg-query", "".join(f"echo installed {package}\n" for package in packages))

    def environment(self) -> dict[str, str]:
        """The machine's, offline and with our programs first."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        clean["PATH"] = f"{self.programs}:{os.environ['PATH']}"
        return clean | {"PYTHON": sys.executable, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "scripts" / script, *arguments],
            cwd="/",
            env=self.environment() | environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_setup_recovers_from_an_interruption_is_quick_when_done_and_takes_up_what_changed(clone: Clone) -> None:
    (clone.folder / "backend.py").write_text("raise KeyboardInterrupt")
    assert clone.run("setup").returncode != 0
    (clone.folder / "backend.py").write_text(BACKEND)

    whole = clone.run("setup")
    assert whole.returncode == 0, whole.stderr
    assert "making the Python environment" in whole.stderr, "half an environment is not built upon"
    assert "installing Python packages" in whole.stderr
    assert whole.stderr.endswith("satellite --fetch-models\n")
    assert whole.stdout == ""

    before = made(clone)
    again = clone.run("setup")
    assert (again.returncode, again.stderr) == (0, "satellite --fetch-models\n")
    assert made(clone) == before, "which is quick"

    (clone.folder / "pyproject.toml").write_text(f"{PROJECT}# changed\n")
    changed = clone.run("setup", "dev")
    assert "making the Python environment" not in changed.stderr
    assert "installing Python packages" in changed.stderr
    assert clone.run("setup").stderr == "satellite --fetch-models\n", "an extra that is there does no harm"

    run = clone.run("run", "--demo", "two words")
    assert (run.returncode, run.stdout) == (0, "satellite --demo two words\n")
    fetch = clone.run("fetch-models", "alexa")
    assert (fetch.returncode, fetch.stdout) == (0, "satellite --fetch-models alexa\n")
    assert not clone.calls.exists(), "apt-get had nothing to do"


def made(clone: Clone) -> dict[Path, int]:
    """All that set-up leaves behind, and when that was written."""
    return {path: path.stat().st_mtime_ns for path in clone.folder.rglob("*") if path.suffix != ".pyc"}


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    return line


def test_the_second_kind_of_wake_words_is_installed_where_it_can_be(clone: Clone) -> None:
    ready = clone.folder / ".venv" / "ready"
    for machine, libc, given in [
        ("x86_64", "glibc 2.36", "dev,micro"),
        ("aarch64", "glibc 2.41", "dev,micro"),
        ("aarch64", "glibc 2.31", "dev"),
        ("riscv64", "glibc 2.41", "dev"),
        ("aarch64", "", "dev"),
    ]:
        clone.program("uname", f"echo {machine}")
        clone.program("getconf", f'case $1 in LONG_BIT) echo 64 ;; *) echo "{libc}"; [ -n "{libc}" ] ;; esac')
        assert clone.run("setup", "dev").returncode == 0
        made_for, project, extras = ready.read_text().splitlines()
        assert (machine, libc, extras) == (machine, libc, given)
        # The environment stays, and is another machine's the next time: with no extras yet.
        ready.write_text(f"{made_for}\n{project}\n\n")


def test_a_32_bit_system_is_refused_in_one_line(clone: Clone) -> None:
    clone.program("getconf", "echo 32")
    assert "satellite needs a 64-bit system" in one_line(clone.run("setup"))


@pytest.mark.parametrize("identity", ["3.10 64-bit", "3.14 64-bit", "3.11 32-bit"])
def test_another_python_is_refused_in_one_line_and_nothing_is_installed(clone: Clone, identity: str) -> None:
    clone.installed()
    python = clone.program("python", f"echo {identity} /usr")
    line = one_line(clone.run("setup", PYTHON=str(python)))
    assert line == f"setup: satellite needs Python 3.11, 3.12 or 3.13, 64-bit; {python} is {identity}"
    assert not clone.calls.exists()


def test_a_python_that_does_not_run_is_refused_in_one_line(clone: Clone) -> None:
    assert one_line(clone.run("setup", PYTHON="/nowhere/python")).endswith("; /nowhere/python does not run")


def test_missing_packages_are_named_where_they_may_not_be_installed(clone: Clone) -> None:
    clone.program("id", "echo 1000")
    clone.installed("gcc", "libc6-dev")
    line = one_line(clone.run("setup"))
    assert line == "setup: these Debian packages are missing; as root run: apt-get install libasound2-dev"


def test_missing_packages_are_installed_without_questions(clone: Clone) -> None:
    clone.program("id", "echo 0")
    clone.program("apt-get", f'echo "$DEBIAN_FRONTEND $*" >>"{clone.calls}"; exit 1')
    clone.installed("gcc")
    result = clone.run("setup")
    assert result.returncode == 1
    assert "apt-get could not install all of: libc6-dev libasound2-dev" in result.stderr
    calls = clone.calls.read_text().splitlines()
    assert all(call.startswith("noninteractive -q -y ") for call in calls)
    assert [call.split("--no-install-recommends ")[1] for call in calls] == [
        "-s install libc6-dev libasound2-dev",
        "update",
        "install libc6-dev libasound2-dev",
        "update",
        "install libc6-dev libasound2-dev",
    ]


def test_without_the_echo_canceller_it_goes_on_and_says_what_is_missing(clone: Clone) -> None:
    clone.program("id", "echo 1000")
    clone.installed("gcc", "libc6-dev", "libasound2-dev")
    result = clone.run("setup")
    assert result.returncode == 0, result.stderr
    missing, without, *_ = result.stderr.splitlines()
    assert missing == "setup: these Debian packages are missing; as root run: apt-get install libspeexdsp1"
    assert without == "setup: going on without: it will not hear you over its own voice"


def test_the_echo_canceller_is_installed_where_it_may_be(clone: Clone) -> None:
    clone.program("id", "echo 0")
    clone.installed("gcc", "libc6-dev", "libasound2-dev")
    assert clone.run("setup").returncode == 0
    assert clone.calls.read_text().splitlines()[-1].endswith("install libspeexdsp1")


def test_packages_for_the_tests_are_asked_for_by_the_tests_only(clone: Clone) -> None:
    clone.program("id", "echo 1000")
    line = one_line(clone.run("setup", "test"))
    assert "alsa-utils" in line
    assert "sox" in line
    assert "gcc" not in line
    assert "python3" not in line, "the Python in use is complete"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_plain_shell(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    assert os.access(script, os.X_OK)
    found = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert found.stdout == ""


def test_models_are_not_fetched_before_there_is_an_environment(clone: Clone) -> None:
    assert one_line(clone.run("fetch-models")).startswith("run scripts/setup first")


def test_whoever_interrupts_a_benchmark_gets_one_line(clone: Clone) -> None:
    shutil.copytree(ROOT / "benchmarks", clone.folder / "benchmarks")
    (clone.folder / "benchmarks" / "library.py").write_text(
        "import subprocess, sys\nsubprocess.run([sys.executable, 'benchmarks', 'rivals', 'x'])"
    )
    (clone.folder / "benchmarks" / "rivals.py").write_text("import time; print('begun', flush=True); time.sleep(60)")
    assert clone.run("setup").returncode == 0
    (clone.folder / "scripts" / "setup").write_text("#!/bin/sh\n")
    with subprocess.Popen(
        [clone.folder / "scripts" / "benchmark", "library"],
        env=clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout
        begun = running.stdout.readline()
        os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C does: to all
        _, said = running.communicate()
    assert begun == "begun\n", said
    assert (running.returncode, said.splitlines()[-1]) == (130, "benchmark: interrupted")
    assert "Traceback" not in said
