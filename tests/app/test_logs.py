"""The log: lines for people, JSON for programs."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from satellite.app.logs import JsonLines

ROOT = Path(__file__).parents[2]

SAY = """
import logging
from satellite.app.logs import start_log
from satellite.config import LogConfig
start_log(LogConfig({level!r}, {form!r}))
logging.getLogger("satellite.turn").info("it is\\n%s", "über", extra={{"fields": {{"turn": 3}}}})
"""


def logged(form: str, level: str = "info", **environment: str) -> list[str]:
    """What a process logs that says one thing."""
    program = SAY.format(form=form, level=level)
    environment["PYTHONPATH"] = str(ROOT)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    return result.stderr.splitlines()


def test_text_has_its_own_time_but_not_in_the_journal() -> None:
    line, _ = logged("text")
    assert datetime.fromisoformat(line[:19])
    assert line[24:] == "INFO    it is"
    assert logged("text", JOURNAL_STREAM="8:1") == ["INFO    it is", "über"]


@pytest.mark.parametrize("journal", [{}, {"JOURNAL_STREAM": "8:1"}])
def test_json_is_one_object_for_each_line_whatever_is_in_it(journal: dict[str, str]) -> None:
    (line,) = logged("json", **journal)
    assert line.isascii()
    entry = json.loads(line)
    assert datetime.fromisoformat(entry.pop("time")).utcoffset() is not None
    assert entry == {"level": "info", "logger": "satellite.turn", "message": "it is\nüber", "turn": 3}


def test_what_is_less_severe_than_asked_for_is_not_shown() -> None:
    assert logged("json", level="warning") == []


def test_a_traceback_is_a_field() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "a bug", None, sys.exc_info())
    entry = json.loads(JsonLines().format(record))
    assert entry["level"] == "error"
    assert entry["exception"].endswith("ValueError: no")
