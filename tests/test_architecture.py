"""What holds the house together: who may import whom, what a start may load, how long things may be."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import shape

from satellite.models import models_directory

ROOT = Path(__file__).parent.parent
HEAVY = ["alsaaudio", "asyncio", "numpy", "onnxruntime", "soxr", "wyoming", "zeroconf"]

LOADED_AFTER = """
import runpy, sys
sys.argv = ["satellite", *sys.argv[1:]]
try:
    runpy.run_module("satellite", run_name="__main__")
except SystemExit as ended:
    assert not ended.code, ended.code
print(*sys.modules, sep="\\n", file=sys.stderr)
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_import_contracts_hold() -> None:
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    checked = python("-c", lint)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("option", ["--help", "--version", "--example-config"])
def test_what_needs_no_sound_loads_nothing_heavy(option: str) -> None:
    ended = python("-c", LOADED_AFTER, option)
    assert ended.returncode == 0, ended.stderr
    assert [name for name in HEAVY if name in ended.stderr.split()] == []


@pytest.mark.parametrize("module", ["satellite", "satellite.cli", "satellite.config", "satellite.models"])
def test_importing_a_light_module_loads_nothing_heavy(module: str) -> None:
    loaded = python("-c", f"import sys, {module}; print(*sys.modules)").stdout.split()
    assert module in loaded
    assert [name for name in HEAVY if name in loaded] == []


def cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_answers_within_150_ms_of_cpu() -> None:
    costs = []
    for _ in range(3):
        before = cpu_seconds_of_children()
        assert python("-m", "satellite", "--help").returncode == 0
        costs.append(cpu_seconds_of_children() - before)
    assert min(costs) < 0.15


def test_no_function_has_more_than_80_lines_and_no_file_more_than_400() -> None:
    assert shape.too_long("satellite") == []


def test_most_functions_are_short() -> None:
    lengths = sorted(shape.function_lengths("satellite").values())
    assert lengths[len(lengths) // 2] <= 10
    assert lengths[len(lengths) * 95 // 100] <= 40


def test_no_weights_are_in_the_repository() -> None:
    ours = [path for path in ROOT.iterdir() if path.name not in (".git", ".venv")]
    weights = [
        found for path in ours if path.is_dir() for found in path.rglob("*") if found.suffix in (".onnx", ".tflite")
    ]
    assert weights == []


def test_packages_come_from_wherever_pip_is_set_up_to_look() -> None:
    for path in [ROOT / "pyproject.toml", *(ROOT / "scripts").iterdir()]:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        assert "index-url" not in text, path


OPEN_A_MODEL = """
import sys
from satellite import models
from satellite.detect.onnx import open_session
model = models.named("alexa")
open_session(models.find("alexa", models.models_directory(sys.argv[1])), model.inputs)
"""


def test_opening_a_model_leaves_no_trace_and_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = models_directory()
    if not directory.exists():
        pytest.skip(f"no models in {directory}")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    opened = python("-c", OPEN_A_MODEL, str(directory))
    assert (opened.returncode, opened.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
