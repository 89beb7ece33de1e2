"""What an import costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import satellite

ROOT = Path(__file__).parents[2]


def loaded(program: str) -> list[str]:
    """The modules that are there after a program."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def test_import_satellite_loads_nothing_heavy() -> None:
    modules = loaded("import satellite")
    assert [
        name
        for name in ("numpy", "onnxruntime", "asyncio", "alsaaudio", "soxr", "satellite.library")
        if name in modules
    ] == []


def test_a_microphone_loads_nothing_that_only_others_need() -> None:
    modules = loaded("from satellite import Microphone")
    heavy = ("asyncio", "subprocess", "alsaaudio", "onnxruntime", "satellite.config", "satellite.dsp.echo")
    assert "numpy" in modules
    assert [name for name in heavy if name in modules] == []


@pytest.mark.parametrize("vad", ["False", "'energy'"])
def test_only_silero_loads_onnx_runtime(vad: str) -> None:
    program = f"""
from satellite import Microphone
with Microphone(device='wav:tests/data/stop.wav', vad={vad}) as mic:
    assert list(mic)
"""
    modules = loaded(program)
    assert "numpy" in modules
    assert [name for name in ("onnxruntime", "alsaaudio", "wyoming", "zeroconf") if name in modules] == []


def test_without_onnx_runtime_silero_says_so_and_energy_works() -> None:
    program = """
import sys
sys.modules["onnxruntime"] = None
from satellite import Microphone
from satellite.core.errors import EngineMissing
with Microphone(device="wav:tests/data/stop.wav", vad="energy") as mic:
    assert mic.read()
try:
    Microphone(device="wav:tests/data/stop.wav", vad="silero").start()
except EngineMissing as error:
    assert str(error) == "vad='silero' needs onnxruntime, which is not installed here", error
else:
    raise SystemExit("it started")
"""
    loaded(program)


def test_every_name_of_the_library_is_there() -> None:
    for name in satellite.__all__:
        assert getattr(satellite, name) is not None
    assert set(satellite.__all__) <= set(dir(satellite))


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Telephone'"):
        satellite.Telephone  # noqa: B018


def test_a_missing_package_is_named_with_what_to_do() -> None:
    program = """
import sys
sys.modules["numpy"] = None
try:
    from satellite import Microphone
except ImportError as error:
    assert str(error) == "numpy is not installed. Install with: pip install satellite", error
else:
    raise SystemExit("it was imported")
"""
    loaded(program)
