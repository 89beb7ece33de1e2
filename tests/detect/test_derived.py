from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from speech import model

from satellite.cli import main
from satellite.core.errors import ModelDamaged, ModelNotFound
from satellite.detect import derived
from satellite.detect.embedding import open_embedding


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A models folder as it is after a download."""
    for name in ("embedding", "melspectrogram"):
        shutil.copy(model(name), tmp_path / f"{name}.onnx")
    return tmp_path


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    for name in ("embedding", "melspectrogram"):
        shutil.copy(model(name), folder / f"{name}.onnx")
    derived.embedding(folder)
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """A models folder in which everything was made."""
    return Path(shutil.copytree(prepared, tmp_path / "models"))


def made(folder: Path) -> tuple[Path, list[str]]:
    """The graph to run, and what was said."""
    lines: list[str] = []
    return derived.embedding(folder, lines.append), lines


def change(folder: Path, **differences: object) -> None:
    record = folder / derived.RECORD
    record.write_text(json.dumps({**json.loads(record.read_text()), **differences}))


def test_it_is_made_and_proved_once(fresh: Path) -> None:
    path, lines = made(fresh)
    assert (path, len(lines)) == (fresh / derived.FILE, 1)
    assert open_embedding(path).incremental
    assert json.loads((fresh / derived.RECORD).read_text())["difference"] <= derived.LIMIT
    written_ns = path.stat().st_mtime_ns
    assert made(fresh) == (path, [])
    assert path.stat().st_mtime_ns == written_ns


@pytest.mark.parametrize("damage", ["a byte", "half", "gone", "the record"])
def test_damage_is_noticed_and_repaired(folder: Path, damage: str) -> None:
    path, _ = made(folder)
    whole = path.read_bytes()
    match damage:
        case "a byte":
            path.write_bytes(whole[:500_000] + b"x" + whole[500_001:])
        case "half":
            path.write_bytes(whole[: len(whole) // 2])
        case "gone":
            path.unlink()
        case _:
            (folder / derived.RECORD).write_text("{")
    assert made(folder)[0] == path
    assert path.read_bytes() == whole


@pytest.mark.parametrize("what", [{"recipe": 0}, {"runtime": "onnxruntime 0.1"}, {"original": "0" * 64}])
def test_what_was_proved_with_something_else_is_proved_anew(folder: Path, what: dict[str, object]) -> None:
    change(folder, **what)
    path, lines = made(folder)
    assert (path.name, len(lines)) == (derived.FILE, 1)
    assert made(folder)[1] == []


@pytest.mark.parametrize(("difference", "told"), [(0.2, "differs by 0.2"), (None, "does not run")])
def test_what_could_not_be_proved_is_not_used_nor_tried_again(
    folder: Path, difference: float | None, told: str
) -> None:
    change(folder, difference=difference)
    path, (line,) = made(folder)
    assert path == folder / "embedding.onnx"
    assert told in line


def test_a_folder_that_cannot_be_written_has_the_whole_graph_run(fresh: Path) -> None:
    # A folder in its place: root may write everywhere else.
    (fresh / derived.FILE).mkdir()
    (fresh / derived.FILE / "full").touch()
    path, lines = made(fresh)
    assert path == fresh / "embedding.onnx"
    assert "cannot be stored" in lines[-1]


def test_nothing_half_written_is_left_behind(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["embedding.onnx", derived.RECORD, derived.FILE, "melspectrogram.onnx"]


def test_a_damaged_published_graph_is_refused(folder: Path) -> None:
    (folder / "embedding.onnx").write_bytes(b"short")
    with pytest.raises(ModelDamaged, match=r"embedding\.onnx is damaged"):
        made(folder)


def test_without_the_published_graphs_there_is_nothing_to_prepare(tmp_path: Path) -> None:
    lines: list[str] = []
    derived.prepare(tmp_path, lines.append)
    assert lines == []
    with pytest.raises(ModelNotFound):
        made(tmp_path)


def test_fetching_models_makes_the_incremental_embedding_once_and_without_a_network_when_all_is_there(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SATELLITE_PATHS_MODELS", str(fresh))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main(["--fetch-models", "melspectrogram", "embedding"]) == 0
    assert "the embedding is made incremental and proved, once" in capsys.readouterr().out
    assert (fresh / "embedding_incremental.onnx").is_file()
    assert main(["--fetch-models", "melspectrogram", "embedding"]) == 0
    assert capsys.readouterr().out == f"2 models are in {fresh}\n"
