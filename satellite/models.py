"""The model files: which there are, where they lie, whether they are whole, and how to get them.

They are members of published Python packages. pip is used as a downloader only: it works wherever the installation
did, behind mirrors too; nothing of the packages is installed or run.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from satellite.core import places
from satellite.core.errors import ModelDamaged, ModelFetchFailed, ModelNotFound

MANIFEST = Path(__file__).with_name("manifest.toml")
FETCH = "satellite --fetch-models"
WAKE_WORD = "wake_word"
MICRO_WAKE_WORD = "microwakeword"
OPEN_WAKE_WORD_THRESHOLD = 0.5
# What downloads of a model often are instead, by how they begin.
_NO_MODELS = {b"<": "a web page", b"version https://git-lfs": "the pointer that Git LFS has in its place"}
_NO_CONNECTION = "connection broken by"  # pip: "Retrying (...) after connection broken by '...'"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model of the manifest.

    Attributes:
        kind: melspectrogram, embedding, wake_word, microwakeword or vad.
        file: its name in the models folder.
        sha256: of the file, in hexadecimal.
        inputs: the graph's inputs, name to shape; -1 is any length.
        phrase: what is said; empty for what is not a wake word.
        threshold: score from which a wake word counts as heard, where the owner does not say.
        window: microwakeword: the score is the mean of so many answers.
        wheel: name of the Python package that holds it.
        version: of that package.
        title: what the package's models are called.
        licence: of the model.
        member: the file inside the package.
        platform: of the package's build to take, as pip calls it; empty: this machine's. The models are in each.
    """

    name: str
    kind: str
    file: str
    sha256: str
    size_bytes: int
    inputs: Mapping[str, tuple[int, ...]]
    phrase: str
    threshold: float
    window: int
    wheel: str
    version: str
    title: str
    licence: str
    member: str
    platform: str

    @property
    def requirement(self) -> str:
        """The package as pip wants it named."""
        return f"{self.wheel}=={self.version}"


Manifest = Mapping[str, ModelInfo]


@cache
def manifest(path: Path = MANIFEST) -> Manifest:
    """Every model that can be named, in the order of the file."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    packages = content["packages"]
    return MappingProxyType({name: _info(name, entry, packages) for name, entry in content["models"].items()})


def _info(name: str, entry: Mapping[str, Any], packages: Mapping[str, Mapping[str, str]]) -> ModelInfo:
    package = packages[entry["package"]]
    return ModelInfo(
        name=name,
        kind=entry["kind"],
        file=name + Path(entry["member"]).suffix,
        sha256=entry["sha256"],
        size_bytes=entry["size_bytes"],
        inputs=MappingProxyType({given: tuple(shape) for given, shape in entry["inputs"].items()}),
        phrase=entry.get("phrase", ""),
        threshold=entry.get("threshold", OPEN_WAKE_WORD_THRESHOLD),
        window=entry.get("window", 0),
        wheel=entry["package"],
        version=package["version"],
        title=package["title"],
        licence=package["licence"],
        member=entry["member"],
        platform=package.get("platform", ""),
    )


def models_directory(configured: str = "", environment: Mapping[str, str] = os.environ) -> Path:
    """Where the files lie: as configured, else the service's folder when systemd runs us, else the user's."""
    if configured:
        return places.expanded(configured)
    given_by_systemd = environment.get("STATE_DIRECTORY", "").split(":")[0]
    if given_by_systemd:
        return Path(given_by_systemd) / "models"
    return places.user_directory(environment, "XDG_DATA_HOME", ".local/share") / "satellite" / "models"


def find(name: str, directory: Path, known: Manifest | None = None) -> Path:
    """The file of a model of the manifest, checked.

    It is read and hashed once per process, and again only when it changes.

    Raises:
        ModelNotFound: no such name, or the file is not there.
        ModelDamaged: the file is not the one that the manifest means.
    """
    model = named(name, known)
    path = directory / model.file
    fault = _fault(path, model)
    if fault == _ABSENT:
        raise ModelNotFound(f"model {name} is not in {directory}; run: {FETCH} {name}")
    if fault:
        raise ModelDamaged(f"model {path} {fault}; run: {FETCH} {name}")
    return path


def named(name: str, known: Manifest | None = None) -> ModelInfo:
    """The model of that name.

    Raises:
        ModelNotFound: there is none; the text says which name comes close, or which there are.
    """
    known = manifest() if known is None else known
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    raise ModelNotFound(f"there is no model {name!r}: {hint}")


_ABSENT = "is not there"


def _fault(path: Path, model: ModelInfo) -> str:
    """What is wrong with a file; empty: nothing."""
    try:
        found = path.stat()
        if found.st_size != model.size_bytes:
            return f"is damaged: {found.st_size} bytes instead of {model.size_bytes}"
        if _digest(path, found.st_size, found.st_mtime_ns) != model.sha256:
            return "is damaged: its content is not the expected one (sha256)"
    except (FileNotFoundError, NotADirectoryError):
        return _ABSENT
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


@lru_cache(maxsize=64)
def _digest(path: Path, _size: int, _mtime_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def beginning(path: Path) -> bytes:
    """The first bytes of a file that is not of the manifest, when it may be a model.

    Raises:
        ModelNotFound: there is no such file.
        ModelDamaged: it cannot be read, or is plainly something else.
    """
    try:
        if not stat.S_ISREG(places.named(path).stat().st_mode):
            raise ModelDamaged(f"model {path} is no file")
        with path.open("rb") as file:
            head = file.read(64)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelNotFound(f"there is no model file {path}") from None
    except OSError as error:
        hidden = isinstance(error, PermissionError) and path.parts[1:2] in (("home",), ("root",))
        hint = "; as a service the satellite sees no home folders" if hidden else ""
        raise ModelDamaged(f"model {path} cannot be read: {error.strerror}{hint}") from None
    if not head:
        raise ModelDamaged(f"model {path} is empty; copy it anew")
    for start, what in _NO_MODELS.items():
        if head.lstrip().startswith(start):
            raise ModelDamaged(f"model {path} is {what}; download the file itself")
    return head


# --- getting them -----------------------------------------------------------------------------------------------------


def fetch(names: Sequence[str], directory: Path, say: Callable[[str], None], known: Manifest | None = None) -> None:
    """Bring files into the folder; those that are there and whole are left alone, and then no network is needed.

    A file appears under its name only when it is complete and checked: whatever fails or interrupts this, a file that
    was there before stays.

    Args:
        names: of the manifest; none: all of it.
        directory: made when it is not there.
        say: is given one line for each step.
        known: the models to choose from, when not the manifest's.

    Raises:
        ModelNotFound: no such name.
        ModelFetchFailed: no pip, no network, no room, or what came is not what was expected.
    """
    known = manifest() if known is None else known
    models = [named(name, known) for name in names or known]
    wanted = [model for model in models if _fault(directory / model.file, model)]
    for requirement in dict.fromkeys(model.requirement for model in wanted):
        _fetch_package([model for model in wanted if model.requirement == requirement], directory, say)
    say(f"{_counted(models)} in {directory}")


def _counted(models: Sequence[ModelInfo]) -> str:
    return f"model {models[0].name} is" if len(models) == 1 else f"{len(models)} models are"


def _fetch_package(models: Sequence[ModelInfo], directory: Path, say: Callable[[str], None]) -> None:
    """The models of one package, which is downloaded once."""
    first = models[0]
    say(f"fetching {', '.join(model.name for model in models)} from the Python package {first.requirement}")
    say(f"{first.title}: {first.licence}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="satellite-models-") as folder:
            _download(first, folder, say)
            _extract(_only_wheel(folder, first.requirement), models, directory)
    except OSError as error:
        place = error.filename2 or directory  # the first name is that of the file's temporary beginning
        raise ModelFetchFailed(f"cannot store the models: {place}: {error.strerror}") from error


def _download(model: ModelInfo, folder: str, say: Callable[[str], None]) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--no-cache-dir"]
    build = ["--platform", model.platform] if model.platform else []
    command = [*pip, "--no-deps", "--only-binary=:all:", *build, "--dest", folder, model.requirement]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        lines = list(_told(run.stdout or (), say))
    if run.returncode:
        raise ModelFetchFailed(f"cannot download {model.requirement} with pip: {_reason(lines)}")


def _told(lines: Iterable[str], say: Callable[[str], None]) -> Iterable[str]:
    """Passes pip's lines on, and tells those that come before a wait."""
    for line in map(str.strip, lines):
        if line.startswith("Downloading "):
            say(line)
        elif _NO_CONNECTION in line:
            say("no connection; trying again")
        yield line


def _reason(lines: Sequence[str]) -> str:
    """The line of pip's output that says most."""
    if any("No module named pip" in line for line in lines):
        return f"{sys.executable} has no pip"
    # Behind a dead network pip's errors are "could not find a version": only the warnings before name the cause.
    if any(_NO_CONNECTION in line for line in lines):
        return "no connection to the package index; is the network up?"
    if any("No space left on device" in line for line in lines):
        return f"no space left in {tempfile.gettempdir()}; set TMPDIR to another folder"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or list(lines) or ["it said nothing"])[0][:300]


def _only_wheel(folder: str, requirement: str) -> Path:
    wheels = list(Path(folder).glob("*.whl"))
    if len(wheels) != 1:
        raise ModelFetchFailed(f"cannot download {requirement} with pip: it left {len(wheels)} files")
    return wheels[0]


def _extract(wheel: Path, models: Sequence[ModelInfo], directory: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for model in models:
                put(directory / model.file, _member(archive, model))
    except (zipfile.BadZipFile, EOFError) as error:
        raise ModelFetchFailed(f"the downloaded {wheel.name} is damaged: {error}") from error


def _member(archive: zipfile.ZipFile, model: ModelInfo) -> bytes:
    """The model's bytes, checked."""
    try:
        size = archive.getinfo(model.member).file_size
    except KeyError:
        raise ModelFetchFailed(f"{model.requirement} holds no {model.member}; no file was changed") from None
    if size != model.size_bytes:
        raise ModelFetchFailed(
            f"model {model.name} in {model.requirement} has {size} bytes instead of {model.size_bytes}; "
            "it was not taken, an older file stays"
        )
    content = archive.read(model.member)
    if hashlib.sha256(content).hexdigest() != model.sha256:
        raise ModelFetchFailed(
            f"model {model.name} in {model.requirement} is not the expected one (sha256); "
            "it was not taken, an older file stays"
        )
    return content


def put(path: Path, content: bytes) -> None:
    """Replace a file at once: a reader, or a power cut, meets the old one or the new one.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
