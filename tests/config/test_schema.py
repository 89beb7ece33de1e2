from __future__ import annotations

import pytest

from satellite.config import Config
from satellite.config.schema import settings, tables
from satellite.config.values import checked

EVERY_SETTING = [(name, key) for name, table in tables().items() for key in settings(table)]


def test_there_is_a_table_for_every_field_of_the_configuration() -> None:
    config = Config()
    for name, table in tables().items():
        value = getattr(config, name)
        assert isinstance(value[0] if name == "wake_word" else value, table)


@pytest.mark.parametrize(("name", "key"), EVERY_SETTING)
def test_a_setting_explains_itself_and_accepts_its_own_default(name: str, key: str) -> None:
    setting = settings(tables()[name])[key]
    assert setting.metadata["doc"].endswith(".")
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    assert checked(setting, default) == setting.default


def test_every_table_says_in_its_docstring_what_it_is_about() -> None:
    for name, table in tables().items():
        header, _, purpose = (table.__doc__ or "").partition(": ")
        assert header.strip("[]") == name
        assert purpose.endswith(".")
