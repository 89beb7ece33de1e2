"""Where files belong when nothing else is configured: a user's by XDG, a service's where systemd says."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from satellite.core.errors import ControlError

SOCKET_NAME = "satellite.sock"
SERVICE_RUNTIME = Path("/run/satellite")

# The kernel's sun_path has 108 bytes, the last of them zero.
SOCKET_PATH_LIMIT_BYTES = 107


def nameable(name: str | Path) -> bool:
    """The system can be told this name: it has no zero byte, and no half of a character."""
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False


def named(path: str | Path) -> Path:
    """This path. Raises FileNotFoundError when no file can have it."""
    if not nameable(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return Path(path)


def expanded(path: str) -> Path:
    """The path with its ~ resolved; as it stands when there is no such user, so that it is not found under its name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def user_directory(environment: Mapping[str, str], variable: str, beneath_home: str) -> Path:
    """The folder an XDG variable names; unset or relative: `beneath_home` in the user's home."""
    named = Path(environment.get(variable, ""))
    return named if named.is_absolute() else home(environment) / beneath_home


def home(environment: Mapping[str, str]) -> Path:
    """The user's home; the root folder for a user who has none, as in a container."""
    named = environment.get("HOME", "")
    if named:
        return Path(named)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path("/")


def state_directory(configured: str = "", environment: Mapping[str, str] = os.environ) -> Path:
    """Where state is kept: as configured (paths.state), else the folder systemd gives, else the user's."""
    given_by_systemd = _first_folder(environment, "STATE_DIRECTORY")
    if configured or given_by_systemd:
        return expanded(configured or given_by_systemd)
    return user_directory(environment, "XDG_STATE_HOME", ".local/state") / "satellite"


def configuration_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """The system's: the folder systemd gives, else the usual one."""
    return Path(_first_folder(environment, "CONFIGURATION_DIRECTORY") or "/etc/satellite")


def control_path(configured: str = "", environment: Mapping[str, str] = os.environ) -> Path:
    """Where the daemon puts its socket: as configured (paths.control), else the folder systemd gives, else the user's.

    Raises:
        ControlError: the path is longer than a socket's may be.
    """
    return _short_enough(_sockets(configured, environment)[0])


def find_control_path(configured: str = "", environment: Mapping[str, str] = os.environ) -> Path:
    """Where a daemon's socket is: the first of the usual places that has one, else where this user's would be.

    So a service is found by a user and through sudo, though their own usual places are others.

    Raises:
        ControlError: the path is longer than a socket's may be.
    """
    candidates = _sockets(configured, environment)
    return _short_enough(next(filter(_is_there, candidates), candidates[0]))


def _sockets(configured: str, environment: Mapping[str, str]) -> list[Path]:
    """All places a socket may be at, the one to make it at first."""
    if configured:
        return [expanded(configured)]
    uid = os.getuid()
    given = [_first_folder(environment, "RUNTIME_DIRECTORY"), environment.get("XDG_RUNTIME_DIR", "")]
    folders = [Path(folder) for folder in given if folder]
    if uid != 0:
        # Some have no XDG_RUNTIME_DIR: in a container, or after su.
        folders.append(state_directory("", environment))
    folders += [SERVICE_RUNTIME, Path(f"/run/user/{uid}")]
    return [folder / SOCKET_NAME for folder in folders]


def _first_folder(environment: Mapping[str, str], variable: str) -> str:
    """Systemd separates several folders by colons."""
    return environment.get(variable, "").split(":")[0]


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except PermissionError:
        return True  # somebody else's
    except OSError:
        return False
    return True


def _short_enough(path: Path) -> Path:
    size_bytes = len(os.fsencode(path))
    if size_bytes > SOCKET_PATH_LIMIT_BYTES:
        text = f"{path} is too long for a socket ({size_bytes} bytes, at most {SOCKET_PATH_LIMIT_BYTES})"
        raise ControlError(f"{text}; set paths.control to a shorter one")
    return path
