"""The benchmarks run, and count right. What they measure is theirs to say: a test on a busy machine could not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from shutil import which

import numpy as np
import pytest
from speech import model

from satellite.dsp import speex

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import corpus
import report
from corpus import Place, room, word_end
from engines import Found, detections, false_accepts, truth
from hearing import PARTS

HOP = 1280


def run(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS), name, *options]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


def rows(page: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]


# --- they run ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(bool(speex.missing()) or not which("espeak-ng"), reason="libspeexdsp1 or espeak-ng is missing")
def test_the_benchmark_of_the_echo_runs_and_hears_over_it() -> None:
    assert all(model(name).is_file() for name in ("hey_jarvis", "melspectrogram", "embedding"))
    done = run("echo", "near", "--tiny")
    assert done.returncode == 0, done.stderr
    heard = {row[0]: int(row[1]) for row in rows(done.stdout) if row[0].startswith("speex, ")}
    levels = ("echo -10 dB", "echo 0 dB", "echo +10 dB", "no echo at all")
    assert heard == {f"speex, {level}": 3 for level in levels}


@pytest.mark.skipif(bool(speex.missing()) or not which("espeak-ng"), reason="libspeexdsp1 or espeak-ng is missing")
def test_the_benchmark_of_the_chime_runs_and_takes_it_out() -> None:
    assert all(model(name).is_file() for name in ("alexa", "melspectrogram", "embedding", "silero_vad"))
    done = run("chime", "--tiny")
    assert done.returncode == 0, done.stderr
    told = {row[0]: row[1:] for row in rows(done.stdout)}
    first, later = told["subtracted, the first"], told["subtracted, a later one"]
    assert int(first[2].split(" / ")[0]) <= -15
    assert max(map(int, later[2].split(" / "))) <= -15
    assert abs(float(first[3])) < 1
    second = {name: int(cells[1]) for name, cells in told.items() if name.startswith(("delay", "direct", "clocks"))}
    assert len(second) == 5
    assert max(second.values()) <= -15


def test_the_daemons_benchmark_runs_and_names_the_machine() -> None:
    assert all(model(name).is_file() for name in ("alexa", "melspectrogram", "embedding", "silero_vad"))
    done = run("daemon", "--tiny")
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.match(r"Measured on \d{4}-\d\d-\d\d: .+, \d+ cores, kernel .+, Python 3", done.stdout)
    assert "1 of 1 recordings" in done.stdout
    told = {row[0]: row[1] for row in rows(done.stdout)}
    for what in ("that hop to `run-pipeline` on the wire (daemon)", "CPU for a second of quiet, ms"):
        assert float(told[what]) >= 0
    assert 30 < float(told["memory after 1 turns, MiB"]) < 300


def test_the_engines_benchmark_runs() -> None:
    pytest.importorskip("pymicro_wakeword")
    assert all(model(name).is_file() for name in ("alexa", "micro_alexa", "silero_vad"))
    done = run("engines", "--tiny")
    assert done.returncode == 0, done.stderr[-2000:]
    told = {row[0]: row[1:] for row in rows(done.stdout)}
    assert told["satellite, openWakeWord"][5:8:2] == ["1 of 1", "0 in 0.00 h"]
    assert told["satellite, microWakeWord"][5:8:2] == ["1 of 1", "0 in 0.00 h"]
    assert told["satellite, openWakeWord"][1] == "1.00"


def test_the_benchmark_of_the_processing_runs_and_lets_a_good_voice_pass() -> None:
    assert model("silero_vad").is_file()
    done = run("processing", "--tiny")
    assert done.returncode == 0, done.stderr[-2000:]
    told = {row[0]: row[1:] for row in rows(done.stdout)}
    assert all(
        float(told[stage][0]) >= 0
        for stage in ("nothing", "`high_pass_hz = 20`", '`agc = "slow"`, its limiter with it')
    )
    assert abs(float(told["high-pass"][0])) < 0.1
    assert float(told["an offset of 5 % of full scale"][0]) > 1
    assert abs(float(told["the same behind the high-pass"][0])) < 0.1
    if "medium" in told:
        assert float(told["medium"][0]) > float(told["off"][0]) + 1


@pytest.mark.parametrize("name", ["daemon", "engines", "processing"])
def test_without_recordings_it_says_what_is_missing(name: str, tmp_path: Path) -> None:
    done = run(name, "--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'manifest.tsv'} is missing: this benchmark needs real recordings.\n")
    assert "Traceback" not in done.stderr


# --- and count right --------------------------------------------------------------------------------------------------


def found(*over: int, hops: int = 100) -> Found:
    scores = np.zeros(hops, np.float32)
    scores[list(over)] = 0.7
    return Found(scores, HOP, 0.5)


def test_a_word_is_heard_from_its_beginning_to_one_and_a_half_seconds_after_its_end() -> None:
    places = [Place("a", 10 * HOP, 20 * HOP)]
    assert [detections(found(hop), places) for hop in (9, 10, 37, 38)] == [0, 1, 1, 0]
    assert detections(found(12, 13, 14), [*places, Place("b", 60 * HOP, 70 * HOP)]) == 1


def test_false_accepts_are_counted_once_in_two_seconds_and_only_where_nobody_said_it() -> None:
    assert false_accepts(found(3, 40, 41, 42), 10 * HOP) == 1
    assert false_accepts(found(40, 80), 10 * HOP) == 2
    assert false_accepts(found(), 0) == 0


def test_the_edges_of_speech_are_not_judged() -> None:
    sound = room(3)
    speech, told = truth([Place("a", 16_000, 32_000)], {"a": (sound, [(0.2, 0.8)])}, len(sound))
    assert np.flatnonzero(speech).tolist() == list(range(120, 180))
    assert np.flatnonzero(~told).tolist() == [*range(110, 130), *range(170, 190)]


def test_the_end_of_a_word_is_found_by_its_level_or_not_at_all() -> None:
    said = corpus.clip("alexa")
    end = word_end(np.concatenate([room(1), said, room(1)]))
    assert end is not None
    assert abs(end - 16_000 - len(said)) < 1_600
    assert word_end(room(2)) is None


def test_a_result_goes_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- one: written by scripts/benchmark one --write -->\nold\n<!-- end of one -->\nafter\n")
    script = (
        "import sys, pathlib, report; report.PAGE = pathlib.Path(sys.argv[1]); report.publish('one', 'new', write=True)"
    )
    subprocess.run([sys.executable, "-c", script, page], cwd=BENCHMARKS, env={"PYTHONPATH": str(ROOT)}, check=True)
    assert page.read_text() == (
        "before\n<!-- one: written by scripts/benchmark one --write -->\n\nnew\n\n<!-- end of one -->\nafter\n"
    )


def test_the_page_has_a_place_for_each() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    for name in ("daemon", "engines"):
        assert f"<!-- {name}: written by scripts/benchmark {name} --write -->" in page
        assert f"<!-- end of {name} -->" in page


def test_one_run_prints_what_the_others_print_one_by_one() -> None:
    assert all((BENCHMARKS / f"{name}.py").is_file() for name in PARTS)
    page = report.PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- end of {name} -->" in page for name in PARTS)


def test_the_script_names_what_there_is() -> None:
    asked = subprocess.run([ROOT / "scripts" / "benchmark"], capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout) == (2, "")
    names = asked.stderr.removeprefix("usage: scripts/benchmark ").split()[0].split("|")
    assert {"daemon", "engines"} <= set(names)
    assert all((BENCHMARKS / f"{name}.py").is_file() for name in names)
