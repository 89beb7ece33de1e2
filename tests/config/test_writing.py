from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.config import Config, HooksConfig
from satellite.config.loading import load, read
from satellite.config.schema import settings, tables
from satellite.config.sources import TextSetting
from satellite.config.writing import effective, example, write_example
from satellite.core.errors import ConfigError

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]))


def values_of(setting: Any) -> st.SearchStrategy[Any]:
    """Everything that a setting takes."""
    limits = setting.metadata
    if limits["choices"]:
        return st.sampled_from(limits["choices"])
    return {
        "bool": st.booleans(),
        "int": st.integers(limits["low"], limits["high"]),
        "float": st.floats(limits["low"], limits["high"]),
        "str": TEXT.filter(str.strip) if limits["filled"] else TEXT,
        "tuple[str, ...]": st.just(("10.0.0.0/8", "fd00::1")),
    }[setting.type]


def rows_of(table: type) -> st.SearchStrategy[Any]:
    return st.builds(table, **{name: values_of(setting) for name, setting in settings(table).items()})


CONFIGS = st.builds(
    Config,
    **{name: rows_of(table) for name, table in tables().items() if name != "wake_word"},
    wake_word=st.lists(rows_of(tables()["wake_word"]), min_size=1, unique_by=lambda word: word.model).map(tuple),
)


def placed(config: Config) -> Config:
    """A wake word service has an address, and nothing else has; a hook names a program."""
    uri = "tcp://[fd00::1]:10400" if config.listening.mode == "service" else ""
    hooks = {name: command and shlex.quote(command) for name, command in asdict(config.hooks).items()}
    return replace(config, listening=replace(config.listening, wake_uri=uri), hooks=HooksConfig(**hooks))


def agreeing(config: Config) -> bool:
    microphone, speaker, command = config.microphone, config.speaker, config.command
    processing = config.processing
    return (
        microphone.channel < microphone.channels
        and microphone.buffer_ms >= 2 * microphone.period_ms
        and speaker.buffer_ms >= 2 * speaker.period_ms
        and command.min_speech_ms < command.max_s * 1000
        and not 0 < processing.high_pass_hz < 1
        and not (processing.peak_normalise and processing.agc != "off")
    )


def write(folder: Path, text: str) -> str:
    file = folder / "satellite.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


@given(CONFIGS.map(placed).filter(agreeing))
def test_any_configuration_written_as_toml_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, config: Config
) -> None:
    path = write(tmp_path_factory.getbasetemp(), effective(config))
    assert load(path, {}) == config


def test_the_effective_configuration_says_where_each_value_that_was_given_comes_from(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nport = 10700\n[[wake_word]]\nmodel = 'alexa'\n")
    loaded = read(path, {"SATELLITE_AREA": "Den"}, [TextSetting("--volume", "speaker.volume", "30")])
    commented = [line for line in effective(loaded.config, loaded.origins).splitlines() if "#" in line]
    assert commented == [
        'area = "Den"  # SATELLITE_AREA',
        "volume = 30  # --volume",
        f'model = "alexa"  # {path}:4',
        f"port = 10700  # {path}:2",
    ]


def test_the_example_is_the_default_configuration(tmp_path: Path) -> None:
    assert load(write(tmp_path, example()), {}) == Config()


def test_the_example_without_its_comments_is_the_default_configuration(tmp_path: Path) -> None:
    bare = "\n".join(line for line in example().splitlines() if not line.startswith("#"))
    assert load(write(tmp_path, bare), {}) == Config()


def test_the_example_with_every_setting_uncommented_is_the_default_configuration(tmp_path: Path) -> None:
    active = re.sub(r"^#(?=[a-z_]+ = )", "", example(), flags=re.MULTILINE)
    content = tomllib.loads(active)
    for name, table in tables().items():
        assert list(content[name][0] if name == "wake_word" else content[name]) == list(settings(table))
    assert load(write(tmp_path, active), {}) == Config()


def test_the_example_explains_every_setting_and_fits_the_screen() -> None:
    words = " ".join(line.removeprefix("# ") for line in example().splitlines())
    for table in tables().values():
        for setting in settings(table).values():
            assert setting.metadata["doc"] in words
    assert max(map(len, example().splitlines())) <= 100
    assert "# Software gain on what is sent to Home Assistant. A number from -40 to 40.\n#gain_db = 0.0" in example()
    assert '"debug", "info", "warning" or "error".\n#level = "info"' in example()


def test_the_example_is_written_into_a_new_file_whose_folder_is_made(tmp_path: Path) -> None:
    write_example(str(tmp_path / "config/satellite.toml"))
    assert (tmp_path / "config/satellite.toml").read_text(encoding="utf-8") == example()


def test_the_example_never_replaces_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "precious")
    with pytest.raises(ConfigError, match="exists already and stays as it is"):
        write_example(path)
    assert Path(path).read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("name", ["satellite.toml/x", "."])
def test_a_place_where_no_file_can_be_is_one_line(tmp_path: Path, name: str) -> None:
    write(tmp_path, "")
    with pytest.raises(ConfigError) as wrong:
        write_example(f"{tmp_path}/{name}")
    assert len(str(wrong.value).splitlines()) == 1
