"""What must survive a restart: who this satellite is, and what its owner set while it ran.

Two small files in one folder. `identity` is written once and then only read, so that nothing that happens to
`state.json` can change who Home Assistant thinks this is; `state.json` holds a copy of it for the opposite case.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from satellite.core.errors import StateError

log = logging.getLogger(__name__)

FILE_LIMIT_BYTES = 1 << 20

# IPv6 with a scope: 45 characters, a percent sign, the name of an interface.
_LONGEST_ADDRESS = 64
_SENSITIVITIES = ("high", "normal", "low")
_IDENTITY = re.compile(r"[0-9a-f]{12}")


class State:
    """The files: read once, written by `save`. Its attributes are replaced by one thread, never changed.

    Attributes:
        identity: 12 hex digits, made once, at random.
        volume: percent, 0 to 100; None: never set, the configuration counts.
        muted: the microphone is off.
        sensitivity: high, normal or low; None: never set, the configuration counts.
        thresholds: wake word to the score at which it counts as heard, where that was set.
        timers: those that run or rest, as plain values.
        trusted: address of the only server that is trusted; "": none was pinned.

    Raises:
        StateError: the folder cannot be made or read or, when the identity is new, written.
    """

    volume: int | None
    muted: bool
    sensitivity: str | None
    thresholds: Mapping[str, float]
    trusted: str
    timers: Sequence[Mapping[str, Any]]

    def __init__(self, directory: Path) -> None:
        _make(directory)
        self._lock = threading.Lock()
        self._path = directory / "state.json"
        copy = self._read_settings()
        self.identity = _known_identity(directory / "identity", copy)

    def save(self) -> None:
        """Write everything: whole or not at all, and on the disk when this returns. By any thread.

        Raises:
            StateError: it could not be written, as on a full disk; what was saved last is still there.
        """
        with self._lock:
            content = {"identity": self.identity, **self._settings()}
            _replace(self._path, json.dumps(content, indent=2) + "\n")

    def _settings(self) -> dict[str, Any]:
        return {
            "volume": self.volume,
            "muted": self.muted,
            "sensitivity": self.sensitivity,
            "thresholds": dict(self.thresholds),
            "trusted": self.trusted,
            "timers": list(self.timers),
        }

    def _read_settings(self) -> object:
        """Take over what can be understood; if that is not all, keep the file aside. Gives the copy of the identity."""
        text = _text_of(self._path)
        content = _parsed(text)
        volume, thresholds = content.get("volume"), content.get("thresholds")
        pairs = thresholds.items() if isinstance(thresholds, dict) else ()
        self.volume = volume if type(volume) is int and 0 <= volume <= 100 else None
        self.muted = content.get("muted") is True
        sensitivity = content.get("sensitivity")
        self.sensitivity = sensitivity if sensitivity in _SENSITIVITIES else None
        self.thresholds = {name: score for name, score in pairs if _is_score(score)}
        timers = content.get("timers")
        self.timers = [entry for entry in timers if isinstance(entry, dict)] if isinstance(timers, list) else []
        trusted = content.get("trusted")
        self.trusted = trusted if isinstance(trusted, str) and len(trusted) <= _LONGEST_ADDRESS else ""
        lost = any(content.get(key, value) != value for key, value in self._settings().items())
        if text and (lost or "identity" not in content):
            _keep_aside(self._path)
        return content.get("identity")


def _is_score(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1


def _known_identity(path: Path, copy: object) -> str:
    """The one in the file; else its copy, else a new one, and then the file is written."""
    in_file = _text_of(path).strip()
    if _IDENTITY.fullmatch(in_file):
        return in_file
    identity = copy if isinstance(copy, str) and _IDENTITY.fullmatch(copy) else os.urandom(6).hex()
    _replace(path, identity + "\n")
    return identity


def _parsed(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _failure("make the folder", directory, error) from None


def _text_of(path: Path) -> str:
    """What the file holds; empty when there is none. What is not UTF-8 is replaced by marks that no JSON has."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_LIMIT_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _failure("read", path, error) from None


def _keep_aside(path: Path) -> None:
    """The owner may want to look at it. Renaming needs no space; where even that fails, the next `save` replaces it."""
    aside = path.with_name(path.name + ".broken")
    try:
        path.replace(aside)
        log.warning("%s was damaged; it is now %s, and what could not be read has its default", path, aside)
    except OSError as error:
        log.warning(
            "%s is damaged and cannot be put aside: %s; what cannot be read has its default", path, error.strerror
        )


def _replace(path: Path, text: str) -> None:
    """Whole or not at all, and on the disk when this returns.

    Raises:
        StateError: it is still the old one.
    """
    new = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _failure("write", path, error) from None


def _sync_folder(directory: Path) -> None:
    """Without this a power cut may undo the rename."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _failure(doing: str, path: Path, error: OSError) -> StateError:
    remedy = "let this user read and write there, or set paths.state to another folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "free some space on that disk"
    return StateError(f"cannot {doing} {path}: {error.strerror}; {remedy}")
