"""Where settings come from: the file, the environment, the command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from satellite.config.schema import settings, tables
from satellite.config.toml import line_numbers
from satellite.config.values import comma_separated, did_you_mean
from satellite.core.errors import ConfigError
from satellite.core.places import configuration_directory, user_directory

FILE = "satellite.toml"
FILE_LIMIT_BYTES = 1 << 20
PREFIX = "SATELLITE_"
WAKE_WORDS_VARIABLE = PREFIX + "WAKE_WORDS"

_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)")


class TextSetting(NamedTuple):
    """A setting from outside the file.

    Attributes:
        origin: the variable or option, for messages: "SATELLITE_SERVER_PORT", "--port".
        key: "server.port", or "wake_word" for one wake word to listen for.
        text: as it was given.
    """

    origin: str
    key: str
    text: str


class ConfigFile(NamedTuple):
    """A file's tables, and on which line what stands. `path` is empty when there is no file."""

    path: str = ""
    content: Mapping[str, Any] = {}
    lines: Mapping[str, int] = {}

    def place(self, key: str) -> str:
        """File and line for messages, as /etc/satellite/satellite.toml:12; without the line when it is not known."""
        while key and key not in self.lines:
            key = key.rpartition(".")[0]
        return f"{self.path}:{self.lines[key]}" if key else self.path


def usual_files(environment: Mapping[str, str]) -> tuple[Path, Path]:
    """The files looked for when none is named: the user's, then the system's."""
    own = user_directory(environment, "XDG_CONFIG_HOME", ".config") / "satellite"
    return own / FILE, configuration_directory(environment) / FILE


def find_file(path: str | None, environment: Mapping[str, str]) -> ConfigFile:
    """The named file, else the first of the usual ones that exists, else an empty one.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    for candidate in usual_files(environment) if path is None else (path,):
        try:
            with Path(candidate).open("rb") as file:
                content = file.read(FILE_LIMIT_BYTES + 1)
        except OSError as error:
            if path is None and isinstance(error, (FileNotFoundError, NotADirectoryError)):
                continue
            raise ConfigError([f"{candidate}: cannot be read: {error.strerror}"]) from None
        return parse_file(str(candidate), content)
    return ConfigFile()


def parse_file(path: str, content: bytes) -> ConfigFile:
    """The TOML text of `path`.

    Raises:
        ConfigError: it is too large, not UTF-8, or not TOML.
    """
    if len(content) > FILE_LIMIT_BYTES:
        raise ConfigError([f"{path}: larger than {FILE_LIMIT_BYTES >> 20} MiB: surely not a configuration"])
    try:
        text = content.decode("utf-8-sig")
        return ConfigFile(path, tomllib.loads(text), line_numbers(text))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8 text (byte 0x{content[error.start]:02x})"]) from None
    except RecursionError:
        raise ConfigError([f"{path}: not valid TOML: nested too deeply"]) from None
    except ValueError as error:
        raise ConfigError([_not_toml(path, str(error))]) from None


def _not_toml(path: str, text: str) -> str:
    if position := _POSITION.search(text):
        return f"{path}:{position[1]}: not valid TOML: {text[: position.start()]} (column {position[2]})"
    return f"{path}: not valid TOML: {text}"


def variables() -> dict[str, str]:
    """Every variable and its key: SATELLITE_SERVER_PORT to server.port, SATELLITE_NAME to satellite.name."""
    known = {WAKE_WORDS_VARIABLE: "wake_word"}
    for name, table in tables().items():
        prefix = PREFIX if name == "satellite" else f"{PREFIX}{name.upper()}_"
        if name != "wake_word":
            known.update({prefix + key.upper(): f"{name}.{key}" for key in settings(table)})
    return known


def from_environment(environment: Mapping[str, str]) -> tuple[list[TextSetting], list[str]]:
    """What the SATELLITE_* variables say, and the mistakes among their names. An empty variable counts as not given."""
    known, given = variables(), [name for name in sorted(environment) if name.startswith(PREFIX)]
    unknown = [f"{name}: no such setting{_variable_meant(name)}" for name in given if name not in known]
    texts = [text for name in given if name in known for text in _texts_of(name, known[name], environment[name])]
    return texts, unknown


def _variable_meant(name: str) -> str:
    # Without the prefix, which makes all of them alike.
    known = [variable.removeprefix(PREFIX) for variable in variables()]
    return did_you_mean(name.removeprefix(PREFIX), known, lambda close: PREFIX + close)


def _texts_of(variable: str, key: str, text: str) -> Iterator[TextSetting]:
    if key != "wake_word":
        return iter([TextSetting(variable, key, text)] if text else [])
    names = comma_separated(text) or [""] if text else []
    return (TextSetting(variable, key, name) for name in names)
