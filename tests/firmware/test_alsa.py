"""The ALSA fragment, read by alsa-lib itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

FRAGMENT = Path(__file__).parents[2] / "firmware-config" / "alsa" / "60-satellite-usb-microphone.conf"


def arecord(fragment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Alone, without the machine's own configuration, which may hold an installed copy.
    environment = {**os.environ, "ALSA_CONFIG_PATH": str(fragment)}
    return subprocess.run(["arecord", *arguments], env=environment, capture_output=True, text=True, check=False)


def test_alsa_lists_the_microphone() -> None:
    assert "satellite_mic\n    USB microphone, shared by satellite\n" in arecord(FRAGMENT, "-L").stdout


@pytest.mark.parametrize("name", ["CARD=NoSuchCard", "CARD=NoSuchCard,CHANNELS=6,RATE=16000"])
def test_opening_it_gets_as_far_as_asking_for_the_card(name: str) -> None:
    opened = arecord(FRAGMENT, "-D", f"satellite_mic:{name}", "-d", "1", "/dev/null")
    assert "Cannot get card index for NoSuchCard" in opened.stderr
    assert "audio open error: No such device" in opened.stderr


def test_alsa_does_find_mistakes(tmp_path: Path) -> None:
    wrong = tmp_path / FRAGMENT.name
    wrong.write_text(FRAGMENT.read_text().replace("type integer", "type intger"))
    opened = arecord(wrong, "-D", "satellite_mic:CARD=NoSuchCard,CHANNELS=1", "-d", "1", "/dev/null")
    assert "Invalid argument" in opened.stderr
