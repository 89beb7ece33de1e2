"""From ALSA's text to an error with advice."""

from __future__ import annotations

import pytest

from satellite.core.errors import DeviceBusy, DeviceDenied, DeviceError, DeviceLost, DeviceNotFound, DeviceUnsupported
from satellite.device.refusal import reason, refusal


@pytest.mark.parametrize(
    ("text", "kind", "advice"),
    [
        ("No such file or directory [default]", DeviceNotFound, "--list-devices"),
        ("No such device [hw:CARD=USB]", DeviceNotFound, "unplugged"),
        ("No such device or address [bluealsa]", DeviceNotFound, "libasound2-plugins"),
        ("Device or resource busy [plughw:1]", DeviceBusy, "another program"),
        ("Permission denied [hw:0]", DeviceDenied, "usermod"),
        ("Invalid argument [hw:0]", DeviceUnsupported, "asoundrc"),
        ("Connection refused [pulse]", DeviceLost, "sound server"),
        ("Input/output error [hw:0]", DeviceLost, "Input/output error"),
        ("Something unheard of [hw:0]", DeviceLost, "Something unheard of"),
    ],
)
def test_each_text_has_its_error_and_advice(text: str, kind: type[DeviceError], advice: str) -> None:
    error = refusal(text, "pcm", "capture")
    assert type(error) is kind
    assert str(error).startswith("microphone pcm ")
    assert advice in str(error)
    assert "\n" not in str(error)


def test_the_name_in_brackets_is_no_part_of_the_reason() -> None:
    assert reason("No such device [hw:CARD=[x]]") == "No such device"
