"""The owner's commands: run with what they need to know, bounded, and waited for by nobody."""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from satellite.app.hooks import AT_ONCE, BURST, TEXT, WAITING, Hooks
from satellite.config import HooksConfig
from satellite.core import effects as fx
from satellite.core import events as ev

WRITES = "import json, os, sys; open(sys.argv[1], 'a').write(json.dumps(dict(os.environ)) + '\\n')"
SLEEPS = "import time; time.sleep(60)"
WAKE = ev.WakeDetected("hey_jarvis", "Hey Jarvis", 0.98765, 0, -60.0)


def python(program: str, *arguments: object) -> str:
    return shlex.join([sys.executable, "-c", program, *map(str, arguments)])


def until(fact: Callable[[], Any]) -> None:
    deadline_s = time.monotonic() + 40
    while not fact():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


@pytest.fixture
def make() -> Iterator[Callable[..., Hooks]]:
    """Makes hooks, and ends what they have started."""
    made: list[Hooks] = []

    def build(limit_s: float = 30.0, **commands: str) -> Hooks:
        made.append(Hooks(HooksConfig(**commands), muted=False, limit_s=limit_s))
        return made[-1]

    yield build
    for hooks in made:
        hooks.close()
        until(lambda hooks=hooks: idle(hooks))


def idle(hooks: Hooks) -> bool:
    """All is run that was asked for."""
    now = hooks.statistics()
    return now.running == now.waiting == 0


def told(file: Path) -> list[dict[str, str]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [{key: value for key, value in json.loads(line).items() if key.startswith("HOOK_")} for line in lines]


def happen(hooks: Hooks, file: Path, *what: ev.Event | fx.Effect) -> list[dict[str, str]]:
    """One after the other, each when the command before is over."""
    for one in what:
        hooks.write(0.0, one)
        until(lambda: idle(hooks))
    return told(file)


def test_a_command_is_told_what_happened(make: Callable[..., Hooks], tmp_path: Path) -> None:
    file = tmp_path / "told"
    hooks = make(wake=python(WRITES, file), transcript=python(WRITES, file), timer=python(WRITES, file))
    timer = ev.TimerChanged("started", "7", {"name": "tea", "total_seconds": 5, "start_hours": None})
    assert happen(hooks, file, WAKE, ev.TranscriptReceived("light on"), timer) == [
        {"HOOK_EVENT": "wake", "HOOK_WAKE_WORD": "hey_jarvis", "HOOK_TEXT": "Hey Jarvis", "HOOK_SCORE": "0.988"},
        {"HOOK_EVENT": "transcript", "HOOK_TEXT": "light on"},
        {
            "HOOK_EVENT": "timer",
            "HOOK_CODE": "started",
            "HOOK_ID": "7",
            "HOOK_NAME": "tea",
            "HOOK_TOTAL_SECONDS": "5",
        },
    ]
    assert hooks.statistics().started == 3
    assert hooks.statistics().failed == 0


def test_what_nobody_asked_for_starts_nothing(make: Callable[..., Hooks]) -> None:
    hooks = make(wake="true")
    ours = ev.DeviceFailed(ev.Device.MICROPHONE, "reopened for the new configuration", wanted=True)
    for what in (ev.TranscriptReceived("x"), fx.ListenFor(None, muted=False), ours, fx.PlayCue("done"), ev.Tick()):
        hooks.write(0.0, what)
    assert hooks.statistics().started == 0


def test_a_peers_text_is_one_short_line_and_no_shell_reads_it(make: Callable[..., Hooks], tmp_path: Path) -> None:
    file = tmp_path / "told"
    evil = "\0a\nb\x1b[2J\ud800$(touch /tmp/x);" + "x" * 10_000
    (entry,) = happen(make(transcript=python(WRITES, file)), file, ev.TranscriptReceived(evil))
    assert entry["HOOK_TEXT"].startswith("?a?b?[2J?$(touch /tmp/x);xxx")
    assert len(entry["HOOK_TEXT"]) == TEXT


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("/nonexistent/program", "hook wake cannot be started: No such file or directory"),
        ("lamp 'on", "hook wake cannot be started: No closing quotation"),
        ("lamp\0on", "hook wake cannot be started: embedded null byte"),
        (python("import sys; print('no lamp'); sys.exit(3)"), "hook wake ended with exit code 3: no lamp"),
        (python("import os; os.kill(os.getpid(), 9)"), "hook wake was ended by signal 9"),
    ],
)
def test_one_that_fails_costs_a_line_and_is_counted(
    make: Callable[..., Hooks], caplog: pytest.LogCaptureFixture, command: str, line: str
) -> None:
    hooks = make(wake=command)
    hooks.write(0.0, WAKE)
    until(lambda: hooks.statistics().failed == 1 and caplog.messages)
    assert caplog.messages == [line]
    until(lambda: idle(hooks))


def test_one_that_hangs_is_ended_with_all_that_it_started(
    make: Callable[..., Hooks], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "child"
    program = (
        "import subprocess, sys; c = subprocess.Popen(sys.argv[2:]); open(sys.argv[1], 'w').write(str(c.pid)); c.wait()"
    )
    hooks = make(limit_s=1.0, wake=python(program, file, sys.executable, "-c", SLEEPS))
    hooks.write(0.0, WAKE)
    until(lambda: idle(hooks))
    assert (hooks.statistics().late, hooks.statistics().failed) == (1, 1)
    assert caplog.messages == ["hook wake took longer than 1 s and was ended"]
    if pid := file.exists() and file.read_text():  # a busy machine may have had no time to start it
        until(lambda: not _runs(int(pid)))


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_what_it_leaves_running_is_not_waited_for(make: Callable[..., Hooks]) -> None:
    program = "import subprocess, sys; subprocess.Popen(sys.argv[1:])"
    hooks = make(wake=python(program, sys.executable, "-c", SLEEPS))
    hooks.write(0.0, WAKE)
    until(lambda: idle(hooks))
    assert hooks.statistics() == replace(hooks.statistics(), started=1, failed=0, late=0)


def test_the_last_line_that_it_writes_is_logged_and_no_flood_is(
    make: Callable[..., Hooks], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hooks = make(wake=python("print('x' * 3_000_000); print('lamp \\033[31mon'); print()"))
    hooks.write(0.0, WAKE)
    until(lambda: idle(hooks))
    until(lambda: caplog.messages)
    assert caplog.messages == ["hook wake: lamp ?[31mon"]


def test_one_that_writes_a_great_deal_is_read_to_its_end_and_kept_nowhere(make: Callable[..., Hooks]) -> None:
    hooks = make(wake="head -c 50000000 /dev/zero")
    before_bytes = most_bytes = resident_bytes()
    hooks.write(0.0, WAKE)
    while not idle(hooks):
        most_bytes = max(most_bytes, resident_bytes())
        time.sleep(0.01)
    assert (hooks.statistics().late, hooks.statistics().failed) == (0, 0)
    assert most_bytes - before_bytes < 8 * 2**20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("ours", [-7, 0])
def test_the_priority_of_sound_is_not_passed_on(make: Callable[..., Hooks], tmp_path: Path, ours: int) -> None:
    file = tmp_path / "nice"
    hooks = make(wake=f"sh -c 'nice > {file}'")
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, ours)
        hooks.write(0.0, WAKE)
    except PermissionError:
        pytest.skip("this user may not take priority")
    finally:
        if os.getpriority(os.PRIO_PROCESS, 0) != usual:
            os.setpriority(os.PRIO_PROCESS, 0, usual)
    until(lambda: idle(hooks))
    assert file.read_text() == "0\n"


def test_a_few_run_at_once_more_wait_and_the_others_are_counted(make: Callable[..., Hooks]) -> None:
    hooks = make(wake=python(SLEEPS))
    for _ in range(AT_ONCE):
        hooks.write(0.0, WAKE)
    until(lambda: hooks.statistics().running == AT_ONCE)
    for _ in range(WAITING + 3):
        hooks.write(0.0, WAKE)
    now = hooks.statistics()
    assert (now.running, now.waiting, now.skipped) == (AT_ONCE, WAITING, 3)


def test_those_that_wait_are_run_when_there_is_room(make: Callable[..., Hooks], tmp_path: Path) -> None:
    file = tmp_path / "told"
    hooks = make(wake="sleep 0.5", transcript=python(WRITES, file))
    for _ in range(AT_ONCE):
        hooks.write(0.0, WAKE)
    for number in range(WAITING):
        hooks.write(0.0, ev.TranscriptReceived(str(number)))
    until(lambda: idle(hooks))
    assert sorted(int(entry["HOOK_TEXT"]) for entry in told(file)) == list(range(WAITING))
    assert hooks.statistics().started == AT_ONCE + WAITING


def test_a_flood_starts_no_more_than_a_conversation_does(make: Callable[..., Hooks]) -> None:
    hooks = make(transcript="/nonexistent/program")
    for _ in range(int(BURST) + 10):
        hooks.write(100.0, ev.TranscriptReceived("x"))
        until(lambda: idle(hooks))
    assert (hooks.statistics().started, hooks.statistics().skipped) == (BURST, 10)
    hooks.write(101.0, ev.TranscriptReceived("x"))
    assert hooks.statistics().started == BURST + 1


def test_at_the_end_those_that_run_are_ended(make: Callable[..., Hooks]) -> None:
    hooks = make(wake=python(SLEEPS))
    hooks.write(0.0, WAKE)
    hooks.close()
    until(lambda: idle(hooks))


def test_other_commands_can_be_given_at_any_time(make: Callable[..., Hooks]) -> None:
    hooks = make(wake="/nonexistent/program")
    hooks.configure(HooksConfig())
    hooks.write(0.0, WAKE)
    assert hooks.statistics().started == 0
