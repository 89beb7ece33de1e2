"""What the machine does to the process: no memory, no disk, no network, another time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes_device import wait_until
from fakes_ha import FakeHomeAssistant
from journeys.box import PATIENCE_S, Box, clip, quiet, tone
from journeys.conftest import HABITS, SPEED, WARM_UP_S, Home
from journeys.faults import answer
from journeys.wall_clock import WallClock
from satcard.satcard import VirtualCards

from satellite.app.daemon import WATCH_S
from satellite.core.errors import SatelliteError
from satellite.network.outbox import SOUND_BYTES

RunHome = Callable[..., None]
MIB = 1 << 20
DAY_S = 86_400
# docs/architecture.md: what waits for the server, 40 s of sound; of the command under way 30 s; for the loop 5 s.
BOUND_BYTES = SOUND_BYTES + (30 + 5) * 32_000
# Python's objects around it, and what its allocator does not give back.
ALLOCATOR_BYTES = 2 * MIB


def rss_bytes(pid: int) -> int:
    """The process's memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.asynccontextmanager
async def living(folder: Path, box: Box) -> AsyncIterator[Home]:
    """A home around a box that is special."""
    box.cards.speed("mic", SPEED)
    box.cards.be_patient()
    box.cards.speed("speaker", SPEED)
    box.cards.say(quiet(WARM_UP_S))
    async with box, FakeHomeAssistant(box.port, habits=HABITS, on_stream=answer) as ha:
        await ha.connected()
        yield Home(box, ha)


def test_a_frozen_server_costs_no_more_memory_than_is_promised_and_all_that_is_dropped_is_counted(
    home: RunHome, show: Callable[[str], None]
) -> None:
    """A minute and more of speech, at ten times the speed, to a Home Assistant that reads nothing."""

    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.wait_for("played")
        before = rss_bytes(home.box.pid)
        home.ha.freeze()
        for _ in range(8):
            home.say(clip("hey_jarvis"), *(5 * [clip("kitchen_light")]), quiet(2.5))
        most_queued = 0
        while home.cards.unheard() > 0:
            server = (await home.box.status())["server"]["server"]
            most_queued = max(most_queued, server["bytes_queued"] if server else 0)
        await home.box.says("Home Assistant is gone: ")
        status = await home.box.status()
        grown = rss_bytes(home.box.pid) - before
        show(
            f"a frozen server: at most {most_queued} of {SOUND_BYTES} bytes waited for it; dropped and counted: "
            f"{status['server']['unsent_bytes']} bytes and {status['server']['untold']} messages; memory grew by "
            f"{grown} of {BOUND_BYTES + ALLOCATOR_BYTES} bytes"
        )
        assert most_queued <= SOUND_BYTES + MIB
        assert status["server"]["unsent_bytes"] >= most_queued, "what waited for it is counted"
        assert grown < BOUND_BYTES + ALLOCATOR_BYTES
        assert status["kept_command"]["held_bytes"] <= 30 * 32_000
        # On a busy machine the microphone is slow, and the server is given up before much waits for it.
        assert status["server"]["unsent_bytes"] + status["server"]["untold"] > 0, "what no server was told is counted"
        home.ha.hang_up()
        await home.ha.connected(2)
        runs = len(home.ha.runs)
        home.say(quiet(2.0))
        home.say_command()
        await home.ha.until(lambda: home.ha.runs[runs:] and home.ha.of("played")[-1].connection == 2, "a full turn")

    home(story, on_stream=answer, mic_speed=10, settings={"command": "keep_s = 2"})


def test_a_sound_that_takes_ten_seconds_delays_no_pong(home: RunHome, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    with wave.open(str(song), "wb") as file:
        file.setparams((1, 2, 22_050, 0, "NONE", ""))
        file.writeframes(tone(5.0))

    async def story(home: Home) -> None:
        home.say_wake_word()
        await home.until(lambda: home.cards.heard_bytes() > 10_000, "the sound")
        pongs = len(home.ha.of("pong"))
        await home.ha.wait_for("pong", pongs + 8)
        assert home.cards.heard_bytes() < 5 * 96_000, "it still plays"
        assert home.ha.lost == []

    # The card takes twice as long as it should.
    habits = HABITS.faster(10)
    home(story, speaker_speed=0.5, habits=habits, settings={"sounds": f'awake = "{song}"'})


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for the state, of 64 KiB."""
    folder = tmp_path / "state"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_costs_what_should_be_written_and_nothing_else(tmp_path: Path, tiny_disk: Path) -> None:
    async def live() -> None:
        box = Box(tmp_path, VirtualCards(tmp_path / "cards"), {"recordings": "wakes = true\nutterances = true"})
        async with living(tmp_path, box) as home:
            with contextlib.suppress(OSError):
                (tiny_disk / "filler").write_bytes(bytes(MIB))
            assert (await box.set(volume="40"))["volume"] == 40
            await box.says("in force until the next start only")
            home.say_command()
            await home.ha.wait_for("played")
            status = await box.reports(lambda status: status["recordings"]["failed"] > 0)
            assert status["settings"]["volume"] == 40
            (tiny_disk / "filler").unlink()
            assert (await box.set(volume="41"))["volume"] == 41
            await box.stop(9)
            await box.start()
            assert (await box.status())["settings"]["volume"] == 41

    asyncio.run(live())


def test_a_full_disk_under_the_log_costs_the_log_only(tmp_path: Path) -> None:
    cards = VirtualCards(tmp_path / "cards")
    cards.speed("mic", SPEED)
    cards.be_patient()
    cards.speed("speaker", SPEED)
    cards.say(quiet(WARM_UP_S))
    box = Box(tmp_path, cards, within=("sh", "-c", 'exec "$@" 2>/dev/full', "sh"))

    async def hears() -> bool:
        with contextlib.suppress(SatelliteError):
            return bool((await box.status())["microphone"]["state"] == "open")
        return False

    async def live() -> None:
        await box.launch()
        try:
            async with asyncio.timeout(30):
                while not await hears():
                    pass
            async with FakeHomeAssistant(box.port, habits=HABITS, on_stream=answer) as ha:
                await ha.connected()
                Home(box, ha).say_command()
                await ha.wait_for("played")
            code, _ = await box.stop()
            assert (code, box.log) == (0, [])
        finally:
            await box.__aexit__(None)

    asyncio.run(live())


def test_a_wall_clock_that_jumps_by_a_day_changes_nothing(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)

    async def live() -> None:
        box = Box(tmp_path, VirtualCards(tmp_path / "cards"), environment=clock.environment)
        async with living(tmp_path, box) as home:
            await home.ha.timer("started", "a", total_seconds=3600, name="tea")
            await box.says("timer 'a' started")
            today = box.log[-1][:10]
            for number, days in enumerate((1, -1), 1):
                home.say(quiet(2.0))
                await home.streaming(number)
                clock.jump(days * DAY_S)
                home.say(clip("kitchen_light"), quiet(1.0))
                await home.ha.wait_for("played", number)
                assert box.log[-1][:10] != today, "the process has the other clock"
            status = await box.status()
            assert [turn["outcome"] for turn in status["last_turns"]] == 2 * ["answered"]
            assert all(0 < turn["played_ms"] < 60_000 for turn in status["last_turns"])
            (timer,) = status["timers"]["running"]
            assert 3_000 < timer["left_s"] < 3_600
            assert (home.ha.lost, status["uptime_s"] < 600) == ([], True)

    asyncio.run(live())


def test_a_timer_keeps_its_length_where_the_wall_clock_jumps_while_the_process_is_started_anew(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)

    async def live() -> None:
        box = Box(tmp_path, VirtualCards(tmp_path / "cards"), environment=clock.environment)
        async with living(tmp_path, box) as home:
            await home.ha.timer("started", "a", total_seconds=3600, name="tea")
            await box.reports(lambda status: status["timers"]["running"])
            # It is saved beside the loop.
            state = tmp_path / "state"
            await asyncio.to_thread(
                wait_until, lambda: any("tea" in path.read_text() for path in state.glob("state.json"))
            )
            for days in (1, -1):
                await box.stop(9)
                clock.jump(days * DAY_S)
                await box.start()
                (timer,) = (await box.status())["timers"]["running"]
                assert 3_000 < timer["left_s"] <= 3_600

    asyncio.run(live())


def test_a_wall_clock_that_is_set_after_a_timer_was_kept_does_not_ring_it_early_after_the_next_start(
    tmp_path: Path,
) -> None:
    """A board without a clock of its own begins in the past; the network sets it some time later."""
    clock = WallClock(tmp_path)
    clock.jump(-DAY_S)

    async def live() -> None:
        box = Box(tmp_path, VirtualCards(tmp_path / "cards"), environment=clock.environment)
        async with living(tmp_path, box) as home:
            await home.ha.timer("started", "a", total_seconds=3600, name="tea")

            def due_in_s() -> float:
                (entry,) = json.loads(kept.read_text())["timers"]
                return float(entry["due_s"]) - time.time()

            kept = tmp_path / "state" / "state.json"
            await asyncio.to_thread(wait_until, kept.exists)
            assert due_in_s() < 3_600 - DAY_S / 2, "the process has the other clock"
            clock.jump(0)
            await asyncio.to_thread(wait_until, lambda: 3_000 < due_in_s() <= 3_601)

    asyncio.run(live())


@pytest.mark.long
@pytest.mark.timeout(900)
def test_after_an_hour_of_being_muted_by_home_assistant_it_serves_as_before(
    home: RunHome, show: Callable[[str], None]
) -> None:
    """An hour of what its microphone hears, with a wake word and a command in every minute."""
    minutes, speed = 60, 20.0

    async def story(home: Home) -> None:
        home.say_command()
        await home.ha.wait_for("played")
        await home.ha.mute()
        await home.box.says("muted by Home Assistant")
        before, runs = rss_bytes(home.box.pid), len(home.ha.runs)
        for _ in range(minutes):
            home.say(clip("hey_jarvis"), quiet(0.3), clip("kitchen_light"), quiet(57.0))
            await home.heard_out()
        status = await home.box.status()
        assert (status["paused"], status["state"], len(home.ha.runs)) == (True, "idle", runs)
        assert "microphone: open, muted by Home Assistant;" in status["summary"]
        grown = rss_bytes(home.box.pid) - before
        assert grown < MIB
        home.cards.speed("mic", SPEED)
        home.ha.unmute()
        await home.ha.connected(2)
        home.say(quiet(2.0))
        home.say_command()
        await home.ha.wait_for("played", 2)
        assert clip("kitchen_light").tobytes() in home.ha.run.pcm
        show(f"muted for {minutes} minutes of its microphone's sound: memory grew by {grown} bytes")

    home(story, on_stream=answer, mic_speed=speed)


def test_its_supervisor_hears_of_it_while_a_loss_is_handled_and_not_while_it_stands_still(tmp_path: Path) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.setblocking(False)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}

    async def told(*texts: str) -> None:
        """Wait until each was told, one after the other."""
        for text in texts:
            async with asyncio.timeout(PATIENCE_S):
                while text not in (await asyncio.get_running_loop().sock_recv(manager, 1000)).decode():
                    pass

    def forget() -> None:
        with contextlib.suppress(BlockingIOError):
            while manager.recv(1000):
                pass

    async def live() -> None:
        cards = VirtualCards(tmp_path / "cards")
        async with Box(tmp_path, cards, environment=environment) as box:
            await told("READY=1", "microphone: open", "WATCHDOG=1")
            cards.unplug("mic")
            await told("microphone: lost", "WATCHDOG=1", "WATCHDOG=1")
            box.signal(signal.SIGSTOP)
            await asyncio.to_thread(os.waitid, os.P_PID, box.pid, os.WSTOPPED | os.WNOWAIT)
            forget()
            # Not a wait for something: nothing is to come for twice as long as it usually takes.
            await asyncio.sleep(2 * WATCH_S)
            with pytest.raises(BlockingIOError):
                manager.recv(1000)
            box.signal(signal.SIGCONT)
            cards.plug("mic")
            await told("microphone: open", "WATCHDOG=1")
            box.signal(signal.SIGTERM)
            await told("STOPPING=1")
            assert await box.ended() == 0

    with manager:
        asyncio.run(live())


ASK = """
import json, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as ha:
    ha.sendall(b'{"type":"describe"}\\n')
    print(ha.makefile().readline())
"""


def test_without_any_network_at_the_start_it_hears_and_is_served_when_there_is_one(tmp_path: Path) -> None:
    alone = ("unshare", "-n")
    if shutil.which("nsenter") is None or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("only root can take the network away")

    async def run_inside(box: Box, *command: str) -> bytes:
        child = await asyncio.create_subprocess_exec(
            "nsenter", "-t", str(box.pid), "-n", *command, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
        assert child.returncode == 0
        return out

    async def live() -> None:
        cards = VirtualCards(tmp_path / "cards")
        cards.speed("mic", SPEED)
        cards.be_patient()
        cards.speed("speaker", SPEED)
        cards.say(quiet(WARM_UP_S))
        settings = {"server": 'host = "0.0.0.0"', "discovery": "enabled = true", "command": "keep_s = 1"}
        async with Box(tmp_path, cards, settings, within=alone) as box:
            cards.say(np.concatenate([clip("hey_jarvis"), clip("kitchen_light"), quiet(1.5)]))
            await box.says("turn 1 lost")
            await run_inside(box, "ip", "link", "set", "lo", "up")
            answer = await run_inside(box, sys.executable, "-c", ASK, str(box.port))
            assert json.loads(answer)["type"] == "info"
            assert not [line for line in box.log if "Traceback" in line]

    asyncio.run(live())
