"""Two virtual sound cards inside alsa-lib (pcm_satcard.c): real ALSA calls, real return codes, no hardware.

The PCMs are `satmic` and `satspk`, like `hw:` of a card with just the formats given here; `plugmic` and `plugspk`, the
same behind ALSA's converting `plug`; and `default`, which is both of these. `mic` and `speaker` name the two cards in
the fault switches.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

SOURCE = Path(__file__).with_name("pcm_satcard.c")
SYSTEM_CONFIG = "/usr/share/alsa/alsa.conf"
# Loads /etc/alsa/conf.d, /etc/asound.conf and ~/.asoundrc.
_HOOKS = re.compile(r"^@hooks \[$.*?^\]$", re.MULTILINE | re.DOTALL)
_FILES = {"mic": "mic", "speaker": "spk"}
_DTYPES = {"S16_LE": "<i2", "S32_LE": "<i4"}


def plugin() -> Path:
    """The compiled plugin, compiled on first use and kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "satellite-tests"
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = cache / name / "libasound_module_pcm_satcard.so"
    if not built.exists():
        built.parent.mkdir(parents=True, exist_ok=True)
        fresh = built.with_suffix(f".{os.getpid()}")
        command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-DPIC", str(SOURCE), "-o", str(fresh), "-lasound"]
        subprocess.run(command, check=True)
        fresh.replace(built)
    return built


def bare_config(directory: Path) -> Path:
    """ALSA's own configuration without what this machine and its user add to it, as a file in `directory`."""
    own = directory / "alsa.conf"
    if not own.exists():
        own.write_text(_HOOKS.sub("", Path(SYSTEM_CONFIG).read_text(), count=1))
    return own


class VirtualCards:
    """A microphone and a speaker that a test controls.

    Args:
        directory: where the cards keep their state; made when missing.
        mic_rates, mic_channels, mic_formats: all that the microphone can do; the first of each is its native format.
        speaker_rates, speaker_channels, speaker_formats: the same for the speaker.
    """

    def __init__(
        self,
        directory: Path,
        *,
        mic_rates: Sequence[int] = (16_000,),
        mic_channels: Sequence[int] = (1,),
        mic_formats: Sequence[str] = ("S16_LE",),
        speaker_rates: Sequence[int] = (48_000,),
        speaker_channels: Sequence[int] = (1,),
        speaker_formats: Sequence[str] = ("S16_LE",),
    ) -> None:
        self.directory = directory
        self._folders = dict(_FILES)
        self.mic = (mic_rates[0], mic_channels[0], mic_formats[0])
        self.speaker = (speaker_rates[0], speaker_channels[0], speaker_formats[0])
        for card in _FILES.values():
            (directory / card).mkdir(parents=True, exist_ok=True)
        (directory / "mic" / "in").touch()
        self._config = directory / "asound.conf"
        self._config.write_text(
            f'pcm_type.satcard {{ lib "{plugin()}" }}\n'
            + _pcm("satmic", directory / "mic", "capture", _lists(mic_rates, mic_channels, mic_formats))
            + _pcm("satspk", directory / "spk", "playback", _lists(speaker_rates, speaker_channels, speaker_formats))
            + 'pcm.plugmic { type plug slave.pcm "satmic" hint { show off } }\n'
            + 'pcm.plugspk { type plug slave.pcm "satspk" hint { show off } }\n'
            + 'pcm.!default { type asym capture.pcm "plugmic" playback.pcm "plugspk" }\n'
        )

    def env(self) -> dict[str, str]:
        """What a process needs in its environment to see the cards."""
        return {"ALSA_CONFIG_PATH": f"{bare_config(self.directory)}:{self._config}"}

    def say(self, sound: bytes | npt.NDArray[np.int16] | Path | str, rate_hz: int | None = None) -> int:
        """Let the microphone hear this after all it was given before.

        Args:
            sound: a WAV file's path, or 16-bit samples: mono, (n,), or with all channels of the card, (n, channels).
            rate_hz: of the samples; None means the card's own.

        Returns:
            How many frames the card will hear.
        """
        if isinstance(sound, (Path, str)):
            samples, rate_hz = _read_wav(Path(sound))
        else:
            samples = np.frombuffer(sound, "<i2") if isinstance(sound, bytes) else sound
        card_hz, channels, encoding = self.mic
        samples = samples if samples.ndim == 2 else np.repeat(samples[:, None], channels, axis=1)
        if rate_hz and rate_hz != card_hz:
            samples = soxr.resample(samples, rate_hz, card_hz)
        wide = samples.astype(_DTYPES[encoding])
        with self._file("mic", "in").open("ab") as file:
            file.write((wide << 16 if encoding == "S32_LE" else wide).tobytes())
        return len(wide)

    def unheard(self) -> int:
        """How many bytes of what was said the microphone has not yet heard."""
        position = self._file("mic", "in.pos")
        text = position.read_text() if position.exists() else ""
        return self._file("mic", "in").stat().st_size - int(text or 0)

    def heard(self, after_bytes: int = 0) -> npt.NDArray[np.int16]:
        """What the speaker has really played so far: int16, (n,) when it has one channel, else (n, channels)."""
        file = self.directory / "spk" / "out.raw"
        _, channels, encoding = self.speaker
        data = b""
        if file.exists():
            with file.open("rb") as played:
                played.seek(after_bytes)
                data = played.read()
        frame = np.dtype(_DTYPES[encoding]).itemsize * channels
        samples = np.frombuffer(data[: len(data) // frame * frame], _DTYPES[encoding])
        narrow = (samples >> 16 if encoding == "S32_LE" else samples).astype(np.int16)
        return narrow if channels == 1 else narrow.reshape(-1, channels)

    def heard_bytes(self) -> int:
        """How much the speaker has played so far, silence included."""
        file = self.directory / "spk" / "out.raw"
        return file.stat().st_size if file.exists() else 0

    def forget_heard(self) -> None:
        """The record of what was played begins anew: a day of it would fill the disk."""
        os.truncate(self._file("speaker", "out.raw"), 0)

    def unplug(self, card: str) -> None:
        """Pull the card out."""
        self._file(card, "gone").touch()

    def plug(self, card: str) -> None:
        """Put it back."""
        self._file(card, "gone").unlink(missing_ok=True)

    def move(self, card: str) -> None:
        """Put it back into another socket: it has its name again, and is another card."""
        old = self._file(card, ".").resolve()
        new = old.with_name(f"{old.name}-elsewhere")
        new.mkdir()
        for file in old.iterdir():
            if file.name != "gone":
                (new / file.name).write_bytes(file.read_bytes())
        fresh = self._config.with_suffix(".new")
        fresh.write_text(self._config.read_text().replace(f'"{old}"', f'"{new}"'))
        fresh.replace(self._config)
        self._folders[card] = new.name

    def stall(self, card: str) -> None:
        """The hardware stands still."""
        self._file(card, "stall").touch()

    def go(self, card: str) -> None:
        """It goes on."""
        self._file(card, "stall").unlink(missing_ok=True)

    def xrun(self, card: str) -> None:
        """One overrun or underrun, now."""
        self._file(card, "xrun").touch()

    def errno(self, card: str, number: int | None) -> None:
        """The next transfer fails with this error; None: it does not. After a first part, ALSA swallows the error."""
        if number is None:
            self._file(card, "errno").unlink(missing_ok=True)
        else:
            self._write(card, "errno", number)

    def openerr(self, card: str, number: int | None) -> None:
        """Every open fails with this error, until None."""
        if number is None:
            self._file(card, "openerr").unlink(missing_ok=True)
        else:
            self._write(card, "openerr", number)

    def opendelay(self, card: str, milliseconds: int | None) -> None:
        """Every open blocks so long, or until None."""
        if milliseconds is None:
            self._file(card, "opendelay").unlink(missing_ok=True)
        else:
            self._write(card, "opendelay", milliseconds)

    def crash(self, card: str) -> None:
        """Whoever opens it dies, as of a bug in a plugin."""
        self._file(card, "crash").touch()

    def speed(self, card: str, factor: float) -> None:
        """The card's clock against real time, from its next start. 0: as fast as the program."""
        self._write(card, "speed", factor)

    def be_patient(self) -> None:
        """From its next start the microphone waits while its buffer is full: the machine is to blame for no overrun."""
        self._file("mic", "patient").touch()

    def events(self, card: str) -> list[list[str]]:
        """The card's log: [seconds of CLOCK_MONOTONIC, process, stream, what, ...] each."""
        file = self._file(card, "events")
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for(self, card: str, what: str, count: int = 1, timeout_s: float = 30.0) -> list[list[str]]:
        """The log's entries of one kind, when there are at least `count`. Raises TimeoutError."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            found = [event for event in self.events(card) if event[3] == what]
            if len(found) >= count:
                return found
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{card}: {len(found)} of {count} x {what}")
            time.sleep(0.005)

    def clear(self) -> None:
        """Forget all that was said, played and broken. Only while no program has a card open."""
        for card in _FILES.values():
            for file in (self.directory / card).iterdir():
                file.unlink()
        (self.directory / "mic" / "in").touch()

    def _file(self, card: str, name: str) -> Path:
        return self.directory / self._folders[card] / name

    def _write(self, card: str, name: str, value: float) -> None:
        # Renamed into place: the card must never read half a file.
        fresh = self._file(card, f".{name}")
        fresh.write_text(f"{value}\n")
        fresh.replace(self._file(card, name))


def _lists(rates: Sequence[int], channels: Sequence[int], formats: Sequence[str]) -> dict[str, Sequence[Any]]:
    return {"rates": rates, "channels": channels, "formats": formats}


def _pcm(name: str, directory: Path, stream: str, lists: dict[str, Sequence[Any]]) -> str:
    abilities = " ".join(f"{key} [ {' '.join(map(str, values))} ]" for key, values in lists.items())
    hint = f'hint {{ show on description "Virtual {stream} card" }}'
    return f'pcm.{name} {{ type satcard dir "{directory}" stream {stream} {abilities} {hint} }}\n'


def _read_wav(path: Path) -> tuple[npt.NDArray[Any], int]:
    with wave.open(str(path)) as file:
        flat = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        samples = flat.reshape(-1, file.getnchannels())
        return (samples[:, 0] if file.getnchannels() == 1 else samples), file.getframerate()
