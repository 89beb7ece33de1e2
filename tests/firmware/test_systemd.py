"""The service, read by systemd itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "firmware-config" / "systemd" / "satellite.service"
PROGRAM = "/opt/satellite/.venv/bin/satellite"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine, which is all that verification asks of it."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    return copy


def systemd_analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path) -> None:
    verified = systemd_analyze("verify", "--man=no", unit)
    assert (verified.returncode, verified.stderr, verified.stdout) == (0, "", "")


def test_verification_does_find_mistakes(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("Restart=always", "Restart=allways"))
    assert "allways" in systemd_analyze("verify", "--man=no", unit).stderr


def test_the_service_is_exposed_to_little(unit: Path) -> None:
    judged = systemd_analyze("security", "--offline=true", "--threshold=20", unit)
    assert judged.returncode == 0, judged.stdout


def test_the_service_can_reach_sound_cards() -> None:
    settings = UNIT.read_text().splitlines()
    assert "DeviceAllow=char-alsa rw" in settings
    assert "SupplementaryGroups=audio" in settings
    assert not [line for line in settings if line.startswith("PrivateDevices=")], "it would hide /dev/snd"


def test_hooks_may_give_the_priority_of_sound_back() -> None:
    settings = UNIT.read_text().splitlines()
    assert "Nice=-10" in settings
    taken = settings.index("SystemCallFilter=~@privileged @resources")
    assert "SystemCallFilter=setpriority" in settings[taken:]


def test_the_readme_installs_it_where_the_unit_looks() -> None:
    readme = (UNIT.parents[1] / "README.md").read_text()
    assert re.findall(r"^Exec(?:StartPre|Start)=(\S+)", UNIT.read_text(), re.MULTILINE) == [PROGRAM, PROGRAM]
    assert "/opt/satellite" in readme
