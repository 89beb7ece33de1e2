"""The recipe of docs/security.md for encryption, as it stands there: whoever has the key is served, nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import free_port
from journeys.conftest import HABITS, Home
from journeys.faults import answer

RunHome = Callable[..., None]
PAGE = Path(__file__).parents[2] / "docs" / "security.md"
STUNNEL = shutil.which("stunnel4") or shutil.which("stunnel")


def recipes() -> tuple[str, str]:
    """The configuration for the device, and that for the machine of Home Assistant."""
    device, home = re.findall(r"```ini\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return device, home


def written(folder: Path, recipe: str, key: str, ports: dict[str, int]) -> Path:
    """The recipe as a file, with a key, and with ports of ours in the place of those of the page."""
    folder.mkdir()
    keys = folder / "satellite.psk"
    keys.write_text(f"homeassistant:{key}\n")
    keys.chmod(0o600)
    recipe = recipe.replace("ADDRESS-OF-THE-DEVICE", "127.0.0.1")
    for number, port in ports.items():
        assert number in recipe
        recipe = recipe.replace(number, str(port))
    file = folder / "stunnel.conf"
    file.write_text(recipe.replace("/etc/stunnel/satellite.psk", str(keys)))
    return file


@contextlib.asynccontextmanager
async def stunnel(file: Path) -> AsyncIterator[None]:
    """Run it, from when it accepts."""
    process = await asyncio.create_subprocess_exec(str(STUNNEL), str(file), stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr
        async with asyncio.timeout(20):
            async for line in process.stderr:
                if b"Configuration successful" in line:
                    break
        yield
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.skipif(STUNNEL is None, reason="stunnel4 is not installed")
def test_a_turn_goes_through_stunnel_and_a_wrong_key_reaches_nobody(home: RunHome, tmp_path: Path) -> None:
    async def story(home: Home) -> None:
        home.ha.hang_up()
        device, away = recipes()
        key, outside, near, far = secrets.token_hex(32), free_port(), free_port(), free_port()
        async with (
            stunnel(written(tmp_path / "device", device, key, {"10800": outside, "10700": home.box.port})),
            stunnel(written(tmp_path / "home", away, key, {"10800": outside, "10701": near})),
            stunnel(written(tmp_path / "thief", away, secrets.token_hex(32), {"10800": outside, "10701": far})),
        ):
            accepted = (await home.box.status())["server"]["accepted"]
            reader, writer = await asyncio.open_connection("127.0.0.1", far)
            writer.write(b'{"type": "run-satellite"}\n')
            async with asyncio.timeout(20):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.close()
            assert (await home.box.status())["server"]["accepted"] == accepted
            async with FakeHomeAssistant(near, habits=HABITS, on_stream=answer) as ha:
                await ha.connected()
                home.say_command()
                await ha.wait_for("played")

    home(story, habits=replace(HABITS, restart_after_s=600.0, reconnect_after_s=600.0))
