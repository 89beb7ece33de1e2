"""Threads that own a device: started and stopped by many at once, left running, taken along by a fork."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from fakes_device import wait_until
from satcard.satcard import VirtualCards

from satellite.core.errors import AlreadyRunning
from satellite.library.file import File
from satellite.library.microphone import Microphone
from satellite.library.speaker import Speaker
from satellite.library.utterances import Utterances, utterances

ROOT = Path(__file__).parents[2]


def storm(start: Callable[[], None], stop: Callable[[], None]) -> list[BaseException]:
    """What 50 threads meet that start and stop the same thing, each five times."""
    met: list[BaseException] = []

    def both(seed: int) -> None:
        random = Random(seed)
        for _ in range(5):
            try:
                (start if random.random() < 0.5 else stop)()
            except BaseException as error:  # noqa: BLE001 - whatever there is
                met.append(error)

    threads = [threading.Thread(target=both, args=(seed,)) for seed in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not [thread for thread in threads if thread.is_alive()]
    stop()
    wait_until(lambda: not [each for each in threading.enumerate() if each.name.startswith("satellite-")])
    return met


def test_fifty_threads_may_start_and_stop_one_microphone(cards: VirtualCards) -> None:
    mic = Microphone(device="satmic")
    assert {type(error) for error in storm(mic.start, mic.stop)} <= {AlreadyRunning}
    with mic:
        assert mic.read()


def test_fifty_threads_may_start_and_stop_one_speaker(cards: VirtualCards) -> None:
    speaker = Speaker(device="satspk")
    assert storm(speaker.start, speaker.stop) == []
    with speaker:
        speaker.write(bytes(3_200))


def test_fifty_threads_may_start_and_stop_one_search_for_utterances() -> None:
    found: Utterances = utterances(File(ROOT / "tests/data/stop.wav"), vad="energy")
    assert storm(found.start, found.stop) == []


LEFT_RUNNING = {
    "a microphone whose sound is converted": """
        mic = satellite.Microphone(device="satmic", sample_rate=22_050)
        mic.start()
        mic.read()
    """,
    "a speaker whose sound is converted": """
        speaker = satellite.Speaker(device="satspk", sample_rate=22_050)
        speaker.start()
        speaker.write(bytes(44_100))
    """,
    "a search for utterances": """
        mic = satellite.Microphone(device="satmic", sample_rate=22_050)
        found = satellite.utterances(mic, vad="energy")
        found.start()
        while not mic.statistics().chunks:
            time.sleep(0.01)
    """,
}


@pytest.mark.parametrize("left", LEFT_RUNNING.values(), ids=LEFT_RUNNING)
def test_a_program_that_ends_without_a_stop_ends_in_silence(cards: VirtualCards, left: str) -> None:
    assert ended(left) == (0, "")


def test_a_forked_child_ends_though_the_lock_was_held_when_it_was_forked(cards: VirtualCards) -> None:
    program = """
        import os, threading
        mic = satellite.Microphone(device="satmic")
        mic.start()
        held, over = threading.Event(), threading.Event()
        def hold():
            with mic.incoming.bell:
                held.set()
                over.wait()
        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if child:
            over.set()
            status = os.waitpid(child, 0)[1]
            mic.stop()
            sys.exit(os.waitstatus_to_exitcode(status))
        mic.stop()
        sys.exit(7)
    """
    assert ended(program, "-W", "ignore::DeprecationWarning") == (7, "")


def ended(program: str, *options: str) -> tuple[int, str]:
    """Exit code, and what a program complained of."""
    lines = [line.removeprefix(" " * 8) for line in program.splitlines()]
    text = "\n".join(["import sys, time", "import satellite", *lines])
    done = subprocess.run(
        [sys.executable, *options, "-c", text],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr
