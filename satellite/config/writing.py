"""The configuration as a TOML text: the effective one, and the example with every setting explained."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field
from typing import Any

from satellite.config.schema import Config, settings, tables
from satellite.config.toml import toml_value
from satellite.config.values import expected
from satellite.core.errors import ConfigError
from satellite.core.places import expanded

WIDTH = 100

EXAMPLE_HEAD = """\
The settings of a satellite. Put this file at ~/.config/satellite/satellite.toml (for one user) or at
/etc/satellite/satellite.toml (for the service).

Every setting is shown with its default, behind a "#". Remove the "#" and change what you need.

Each can also be given as a variable: port of [server] is SATELLITE_SERVER_PORT, name is SATELLITE_NAME. The wake words
are SATELLITE_WAKE_WORDS=hey_jarvis,alexa. Variables win over this file, options of the command over both.

Try the file: satellite --check-config --config FILE. A running satellite reads it again on SIGHUP."""


def effective(config: Config, origins: Mapping[str, str] | None = None) -> str:
    """Every setting with its value, as TOML; what is not the default says where it comes from (`origins`, by key)."""
    return "\n".join(block for block in _effective_tables(config, origins or {}))


def _effective_tables(config: Config, origins: Mapping[str, str]) -> Iterator[str]:
    for name in tables():
        if name == "wake_word":
            for row, word in enumerate(config.wake_word):
                yield _effective_table(f"[[{name}]]", word, f"{name}.{row}", origins)
        else:
            yield _effective_table(f"[{name}]", getattr(config, name), name, origins)


def _effective_table(header: str, table: Any, path: str, origins: Mapping[str, str]) -> str:
    lines = [header]
    for key in settings(type(table)):
        line = f"{key} = {toml_value(getattr(table, key))}"
        origin = origins.get(f"{path}.{key}", "")
        lines.append(f"{line}  # {origin}" if origin else line)
    return "\n".join(lines) + "\n"


def example() -> str:
    """A file with every setting commented out at its default, each explained."""
    blocks = [_comment(EXAMPLE_HEAD)]
    for name, table in tables().items():
        header = f"[[{name}]]" if name == "wake_word" else f"[{name}]"
        purpose = (table.__doc__ or "").partition(": ")[2]
        blocks.append("\n".join([_comment(purpose[:1].upper() + purpose[1:]), header]))
        blocks += [_example_setting(setting) for setting in settings(table).values()]
    return "\n\n".join(blocks) + "\n"


def write_example(path: str) -> None:
    """Write the example to a new file.

    Raises:
        ConfigError: the file exists already, or cannot be written.
    """
    file = expanded(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(example())
    except FileExistsError:
        raise ConfigError([f"{path} exists already and stays as it is; name another file"]) from None
    except OSError as error:
        raise ConfigError([f"{path} cannot be written: {error.strerror}"]) from None


def _example_setting(setting: Field[Any]) -> str:
    default = setting.default if setting.default is not MISSING else ""
    limits = setting.metadata
    bounded = limits["choices"] or limits["low"] is not None
    takes = expected(setting)
    words = f"{limits['doc']} {takes[0].upper()}{takes[1:]}." if bounded else limits["doc"]
    return f"{_comment(words)}\n#{setting.name} = {toml_value(default)}"


def _comment(text: str) -> str:
    paragraphs = [textwrap.wrap(paragraph, WIDTH - 2) for paragraph in text.split("\n\n")]
    return "\n#\n".join("\n".join(f"# {line}" for line in lines) for lines in paragraphs)
