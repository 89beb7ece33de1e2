"""Damaged configuration files: whatever stands there, the outcome is a configuration or a list of mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mutations import mutations, without_growth

from satellite.config.loading import read
from satellite.config.writing import example

SHORT = b"""
[satellite]
name = "Kitchen"
[microphone]
device = "USB"
gain_db = -3.5
[[wake_word]]
model = "alexa"
threshold = 0.6
[server]
allow = ["192.168.1.0/24"]
port = 10700
"""


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_damaged_files_are_read_or_refused_line_by_line(
    tmp_path: Path, count: int, show: Callable[[str], None]
) -> None:
    file = tmp_path / "satellite.toml"
    for data in without_growth(mutations((SHORT, example().encode()), count, seed=count), count):
        file.write_bytes(data)
        mistakes = read(str(file), {}).mistakes
        assert all(mistake.isprintable() for mistake in mistakes), mistakes
    show(f"fuzz: {count:,} damaged configuration files")
