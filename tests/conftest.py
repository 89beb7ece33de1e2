"""Fixtures that all tests may use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from satcard.satcard import SYSTEM_CONFIG, VirtualCards, bare_config

# A loaded machine is no mistake of ours. The same examples in every run; `scripts/test --long` looks for new ones.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("searching"), derandomize=True)
settings.load_profile("steady")

# A satellite that is installed on this machine, and its user's settings, are none of the tests' business.
NO_FOLDER = "/nonexistent"
_SHOWN = "shown"
os.environ.update(CONFIGURATION_DIRECTORY=NO_FOLDER, XDG_CONFIG_HOME=NO_FOLDER)

# A shell's background job begins with Ctrl-C ignored, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_other_sound_devices(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What was added to ALSA's configuration of this machine is none of the tests' business either."""
    if Path(SYSTEM_CONFIG).exists():
        os.environ["ALSA_CONFIG_PATH"] = str(bare_config(tmp_path_factory.mktemp("alsa")))


@pytest.fixture
def show(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Has a text printed at the end of the run: what was measured, or how much was tried."""
    return lambda text: record_property(_SHOWN, text)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests have shown, wherever they ran: other processes print nothing of their own."""
    reports = sorted(terminalreporter.getreports("passed"), key=lambda report: report.nodeid)
    texts = [text for report in reports for name, text in report.user_properties if name == _SHOWN]
    if texts:
        terminalreporter.section("measured")
    for text in texts:
        terminalreporter.write_line(text)


@pytest.fixture
def make_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., VirtualCards]:
    """Makes virtual cards of any kind, visible to this process and its children."""

    def make(**abilities: Any) -> VirtualCards:
        cards = VirtualCards(tmp_path / "cards", **abilities)
        for name, value in cards.env().items():
            monkeypatch.setenv(name, value)
        return cards

    return make


@pytest.fixture
def cards(make_cards: Callable[..., VirtualCards]) -> VirtualCards:
    """A 16 kHz mono microphone and a 48 kHz mono speaker."""
    return make_cards()
