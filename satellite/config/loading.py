"""From file, environment and options to a Config, with every mistake found on the way.

The file comes first, then the variables, then the options: the later wins. Each is checked on its own, so a wrong line
is reported even where something later replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from satellite.config.agreement import disagreements
from satellite.config.schema import Config, WakeWordConfig, settings, tables
from satellite.config.sources import ConfigFile, TextSetting, find_file, from_environment
from satellite.config.toml import shown, toml_key
from satellite.config.values import Unfit, checked, did_you_mean, from_text
from satellite.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Loaded:
    """What reading gave.

    Attributes:
        config: all that is right; what is wrong has its default.
        file: path of the file that was read; empty: none.
        origins: key ("server.port", "wake_word.0.model") to where its value comes from; defaults are not in it.
        mistakes: one line each.
    """

    config: Config
    file: str
    origins: Mapping[str, str]
    mistakes: tuple[str, ...]


def load(path: str | None, environment: Mapping[str, str], options: Sequence[TextSetting] = ()) -> Config:
    """The configuration.

    Args:
        path: the file; None: the user's, else the system's, else none.
        environment: as os.environ; its SATELLITE_* variables count.
        options: from the command line; they win.

    Raises:
        ConfigError: something is wrong; it carries all of it.
    """
    loaded = read(path, environment, options)
    if loaded.mistakes:
        raise ConfigError(loaded.mistakes)
    return loaded.config


def read(path: str | None, environment: Mapping[str, str], options: Sequence[TextSetting] = ()) -> Loaded:
    """As `load`, but with the mistakes beside the configuration instead of raised."""
    draft = _Draft()
    file = draft.take_file(path, environment)
    variables, unknown = from_environment(environment)
    draft.mistakes += unknown
    draft.take_texts(variables)
    draft.take_texts(options)
    config = draft.config()
    return Loaded(config, file, draft.origins, (*draft.mistakes, *draft.disagreements(config)))


@dataclass(slots=True)
class _Draft:
    """What has been gathered so far."""

    values: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in tables()})
    wake_words: list[WakeWordConfig] = field(default_factory=lambda: [WakeWordConfig()])
    origins: dict[str, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)

    def config(self) -> Config:
        built = {name: table(**self.values[name]) for name, table in tables().items() if name != "wake_word"}
        return Config(wake_word=tuple(self.wake_words), **built)

    def disagreements(self, config: Config) -> Iterator[str]:
        """Those among the values that are right by themselves."""
        for keys, text in disagreements(config):
            if self.unfit.isdisjoint(keys):
                origin = next((self.origins[key] for key in keys if key in self.origins), "")
                yield f"{origin}: {text}" if origin else text

    def take_file(self, path: str | None, environment: Mapping[str, str]) -> str:
        try:
            file = find_file(path, environment)
        except ConfigError as error:
            self.mistakes += error.mistakes
            return path or ""
        for name, content in file.content.items():
            self._take_entry(file, name, content)
        return file.path

    def _take_entry(self, file: ConfigFile, name: str, content: object) -> None:
        if name not in tables():
            self.mistakes.append(f"{file.place(name)}: {_unknown_table(name, content)}")
        elif name == "wake_word":
            self._take_wake_words(file, content)
        elif isinstance(content, dict):
            self.values[name] = self._take_table(file, name, name, content)
        else:
            self.mistakes.append(f"{file.place(name)}: {name} = {shown(content)}: must be a table: [{name}]")

    def _take_wake_words(self, file: ConfigFile, content: object) -> None:
        if isinstance(content, list) and all(isinstance(entry, dict) for entry in content):
            rows = [self._take_table(file, "wake_word", f"wake_word.{row}", entry) for row, entry in enumerate(content)]
            self.wake_words = [WakeWordConfig(**row) for row in rows]
            self.origins.update({f"wake_word.{row}": file.place(f"wake_word.{row}") for row in range(len(rows))})
            self.origins["wake_word"] = file.place("wake_word")
        else:
            mistake = "each wake word is a table of its own, with two brackets: [[wake_word]]"
            self.mistakes.append(f"{file.place('wake_word')}: {mistake}")

    def _take_table(self, file: ConfigFile, name: str, path: str, content: Mapping[str, object]) -> dict[str, Any]:
        known, values = settings(tables()[name]), {}
        for key, value in content.items():
            origin = file.place(f"{path}.{key}")
            if key not in known:
                self.mistakes.append(f"{origin}: {_unknown_key(name, key)}")
                continue
            try:
                values[key] = checked(known[key], value)
                self.origins[f"{path}.{key}"] = origin
            except Unfit as misfit:
                self._refuse(origin, f"{path}.{key}", f"{name}.{key} = {shown(value)}: {misfit}")
        return values

    def _refuse(self, origin: str, path: str, text: str) -> None:
        self.unfit.add(path)
        self.mistakes.append(f"{origin}: {text}")

    def take_texts(self, texts: Sequence[TextSetting]) -> None:
        for origin, path, text in texts:
            name, _, key = path.partition(".")
            if key:
                self._take_text(origin, name, key, text)
        if named := [text for text in texts if text.key == "wake_word"]:
            self._name_wake_words(named)

    def _take_text(self, origin: str, name: str, key: str, text: str) -> None:
        setting = settings(tables()[name])[key]
        value = from_text(setting, text)
        try:
            self.values[name][key] = checked(setting, value)
            self.origins[f"{name}.{key}"] = origin
        except Unfit as misfit:
            self._refuse(origin, f"{name}.{key}", f"{name}.{key} = {shown(value)}: {misfit}")

    def _name_wake_words(self, named: Sequence[TextSetting]) -> None:
        """Exactly the named ones, each as the file describes it, if it does."""
        described = {word.model: word for word in self.wake_words}
        self._forget_wake_word_origins()
        self.wake_words = [described.get(name.text, WakeWordConfig(model=name.text)) for name in named]
        for row, (origin, _, text) in enumerate(named):
            path = f"wake_word.{row}.model"
            self.origins[path] = origin
            try:
                checked(settings(WakeWordConfig)["model"], text)
            except Unfit as misfit:
                self._refuse(origin, path, f"wake_word.model = {shown(text)}: {misfit}")

    def _forget_wake_word_origins(self) -> None:
        for key in [key for key in self.origins if key.startswith("wake_word")]:
            del self.origins[key]


def _unknown_table(name: str, content: object) -> str:
    """What to say about a name at the top of the file that is no table."""
    if isinstance(content, (dict, list)):
        hint = did_you_mean(name, tables(), _header)
        return f"[{toml_key(name)}] is not a table of the configuration{hint or _among(map(_header, tables()))}"
    return f"{toml_key(name)} stands outside of any table{_elsewhere(name)}"


def _unknown_key(table: str, key: str) -> str:
    known = settings(tables()[table])
    hint = did_you_mean(key, known, lambda close: f"{table}.{close}") or _elsewhere(key) or _among(iter(known))
    return f"{table}.{toml_key(key)} is not a setting{hint}"


def _elsewhere(key: str) -> str:
    homes = [_header(name) for name, table in tables().items() if key in settings(table)]
    return f"; it belongs under {' or '.join(homes)}" if homes else ""


def _header(table: str) -> str:
    return "[[wake_word]]" if table == "wake_word" else f"[{table}]"


def _among(known: Iterator[str]) -> str:
    return f"; there are {', '.join(known)}"
