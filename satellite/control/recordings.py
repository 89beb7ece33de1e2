"""A folder of recordings that never grows beyond its limits: a WAV file and a JSON file for each."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from satellite.codec.wav import wav_header
from satellite.core.audio import WIRE_FORMAT

KINDS = ("wake", "near-miss", "utterance")
_NAME = re.compile(rf"\d{{8}}T\d{{6}}\.\d{{6}}Z-(?P<kind>{'|'.join(KINDS)})(-[A-Za-z0-9_-]+)?\.(wav|json)")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Recording:
    """A piece of sound and what is known of it.

    Attributes:
        kind: one of KINDS.
        label: for the file's name; the wake word.
        unix_s: when it was recorded.
        pcm: WIRE_FORMAT.
        about: for the JSON file.
    """

    kind: str
    label: str
    unix_s: float
    pcm: bytes
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in the folder: recordings, and their bytes with those of the JSON files."""

    count: int
    size_bytes: int


class RecordingFolder:
    """Used by one thread at a time. Files that are not its own are neither counted nor touched.

    Args:
        path: made when it is needed, with mode 0700; the files have 0600.
        keep: so many of each kind.
        limit_bytes: so much in all.
    """

    def __init__(self, path: Path, keep: int, limit_bytes: int) -> None:
        self.path = path
        self._keep = keep
        self._limit_bytes = limit_bytes

    def save(self, recording: Recording) -> bool:
        """Write a recording, after the oldest ones made room. False: it alone is larger than the limit.

        Raises:
            OSError: it could not be written, as on a full disk; nothing is left of it.
        """
        time = datetime.fromtimestamp(recording.unix_s, UTC)
        about = {"kind": recording.kind, "time": time.isoformat(timespec="milliseconds"), **recording.about}
        label = _NOT_IN_NAMES.sub("_", recording.label)[:_LONGEST_LABEL]
        name = "-".join(filter(None, (f"{time:%Y%m%dT%H%M%S.%fZ}", recording.kind, label)))
        wav = wav_header(WIRE_FORMAT, len(recording.pcm)) + recording.pcm
        text = (json.dumps(about, indent=2) + "\n").encode()
        if len(wav) + len(text) > self._limit_bytes:
            return False
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room(recording.kind, len(wav) + len(text))
        _write_both(self.path / f"{name}.wav", wav, self.path / f"{name}.json", text)
        return True

    def kept(self) -> Kept:
        """What is there now; nothing when the folder cannot be read."""
        names = self._names()
        return Kept(len(names), sum(map(self._size_bytes, names)))

    def _make_room(self, kind: str, size_bytes: int) -> None:
        names = self._names()
        same = [name for name in names if names[name] == kind]
        for name in same[: max(0, len(same) - self._keep + 1)]:
            self._remove(name)
            del names[name]
        total = size_bytes + sum(map(self._size_bytes, names))
        for name in names:
            if total <= self._limit_bytes:
                break
            total -= self._size_bytes(name)
            self._remove(name)

    def _names(self) -> dict[str, str]:
        """Each recording's name without its ending, and its kind; the oldest first."""
        try:
            files = sorted(self.path.iterdir())
        except OSError:
            return {}
        found = (match for file in files if (match := _NAME.fullmatch(file.name)))
        return {match[0].rpartition(".")[0]: match["kind"] for match in found}

    def _files(self, name: str) -> tuple[Path, Path]:
        return self.path / f"{name}.wav", self.path / f"{name}.json"

    def _size_bytes(self, name: str) -> int:
        size_bytes = 0
        for file in self._files(name):
            with contextlib.suppress(OSError):
                size_bytes += file.stat().st_size
        return size_bytes

    def _remove(self, name: str) -> None:
        for file in self._files(name):
            file.unlink(missing_ok=True)


def _write_both(wav: Path, sound: bytes, about: Path, text: bytes) -> None:
    try:
        _write(wav, sound)
        _write(about, text)
    except OSError:
        for file in (wav, about):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        raise


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
