"""The capture thread: from an open microphone to the listener, and its events to whoever asked."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from satellite.config import MicrophoneConfig
from satellite.core.audio import RATE_HZ, Frame, Int16, samples_in
from satellite.core.effects import ListenSettings
from satellite.core.errors import AudioFormatError, DeviceError, DeviceLost, DeviceUnsupported
from satellite.core.events import Device, DeviceFailed, DeviceReady, Event, MicrophoneEnded, WakeDetected
from satellite.core.ports import Source
from satellite.device.backoff import Backoff
from satellite.device.gap import GapClock
from satellite.dsp.convert import Converter
from satellite.dsp.cue_echo import CueCanceller
from satellite.dsp.echo import EchoCanceller

log = logging.getLogger(__name__)

# Most periods that are fed at a time, so that new settings are seen soon while a backlog is worked off.
_BATCH_READS = 8
_STOP_S = 1.0
_END_S = 60.0
_TIMINGS = 256
_SILENCE = np.zeros(0, np.int16)
# Wake words are decided at the end of every 80 ms: of their last sample nobody should wait for a whole period.
_HOP = samples_in(80)
# Of the card's buffer, so that at any time it has room for what comes while the thread has to wait for the processor.
_BUFFER_SHARE = 0.25
# By which a card's clock and ours may differ in a period, a sample included.
_MARGIN_S = 0.0005


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the capture thread waits, and for what.

    Attributes:
        no_frames_s: after its first sound; a device that delivers nothing for so long is lost, whatever ALSA says.
        longest_gap_s: what a re-opened microphone owes the listener at most; older sound interests nobody.
    """

    no_frames_s: float = 2.0
    longest_gap_s: float = 60.0


class Ears(Protocol):
    """What hears the microphone; used in the capture thread only."""

    def feed(self, frame: Frame, settings: ListenSettings, playing: bool) -> list[Event]:
        """Hear a frame of any size, contiguous with the one before; an empty one brings new settings."""

    def lost(self, count: int, cause: str) -> list[Event]:
        """`count` samples are missing here."""

    def took(self, samples: int, ms: float) -> list[Event]:
        """How long it took to hear so much."""

    def flush(self) -> list[Event]:
        """The input is over."""


@dataclass(frozen=True, slots=True)
class CaptureStatistics:
    """What the capture thread has done.

    Attributes:
        state: "opening", "open" (sound comes), "lost", "ended" (a file) or "stopped".
        description: the open device and what it granted; "" while none is open.
        frames, samples: fed to the listener; samples at 16 kHz, without the lost ones.
        overruns, lost_samples: how often, and how much by the clock, sound was missed; the gaps of reopens are in it.
        reopens: how often the device came back.
        last_frame_age_s: since sound came in; None before the first.
        feed_p95_ms: 95th percentile of what the listener took for a frame, over the last 256.
    """

    state: str
    description: str
    frames: int
    samples: int
    overruns: int
    lost_samples: int
    reopens: int
    last_frame_age_s: float | None
    feed_p95_ms: float


def pause_s(position: int, longest_s: float) -> float:
    """How long to wait after all sound up to sample `position` was taken: so long at most, or to the end of the hop."""
    return min(longest_s, (_HOP - position % _HOP) / RATE_HZ + _MARGIN_S)


class Capture:
    """Reads a microphone in a thread of its own, and keeps it open.

    A device that fails, or gives nothing for 2 s, is closed and opened again with growing pauses. Sample indexes go on
    counting: what was missed is counted by the clock and told to the listener.

    Args:
        open_source: opens the microphone anew; called in the thread.
        config: which channel to hear.
        listener: is fed mono sound at 16 kHz.
        post: takes events; called in the thread, must not block.
        playing: the speaker makes a sound just now.
        echo: takes the speaker's sound out of what is heard; None: nothing is done.
        cues: takes the short sounds out of it that are played during a command; None: nothing is done.
        patience: with a silent device.
        clock: seconds, by which the work is measured.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        config: MicrophoneConfig,
        listener: Ears,
        post: Callable[[Event], None],
        playing: Callable[[], bool],
        *,
        echo: EchoCanceller | None = None,
        cues: CueCanceller | None = None,
        patience: Patience = Patience(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_source = open_source
        self._channel = config.channel
        self._listener = listener
        self._post = post
        self._playing = playing
        self._echo = echo
        self._cues = cues
        self._patience = patience
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._woken = threading.Event()
        self._stopping = False
        self._settings = ListenSettings()
        self._obeyed = self._settings
        self._position = 0
        self._gap = GapClock()
        self._backoff = Backoff()
        self._state = "opening"
        self._opens = False
        self._description = ""
        self._frames = self._samples = self._overruns = self._lost = self._reopens = 0
        self._bytes = 0
        self._last_frame_s: float | None = None
        self._feed_ms = [0.0] * _TIMINGS

    def start(self) -> None:
        """Begin. Once."""
        self._thread.start()

    def apply(self, settings: ListenSettings) -> None:
        """What to listen for from now on; from any thread. The listener hears of it at once, even without sound."""
        self._settings = settings
        self._woken.set()

    def stop(self) -> None:
        """End the thread and close the device; returns within a second. Twice is harmless."""
        self._stopping = True
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
        if self._thread.is_alive() and self._opens:
            log.info("a microphone that does not open yet is not waited for; it is closed as soon as it does")
        elif self._thread.is_alive():
            log.error("the capture thread did not stop within %s s", _STOP_S)

    def statistics(self) -> CaptureStatistics:
        """What has been done so far; from any thread."""
        last_s = self._last_frame_s
        return CaptureStatistics(
            self._state,
            self._description,
            self._frames,
            self._samples,
            self._overruns,
            self._lost,
            self._reopens,
            None if last_s is None else round(time.monotonic() - last_s, 3),
            round(sorted(self._feed_ms)[int(_TIMINGS * 0.95)], 3),
        )

    def _run(self) -> None:
        try:
            self._obey()
            self._keep_listening()
            self._state = "stopped"
        except Exception as error:
            # A bug, here or in the listener: the satellite must hear of it, or it would be deaf and look well.
            log.exception("the capture thread ended")
            self._fail(f"the microphone's thread ended: {error!r}")

    def _keep_listening(self) -> None:
        while not self._stopping:
            try:
                with contextlib.closing(self._opened()) as source:
                    self._listen(source, self._converter(source))
            except DeviceError as error:
                self._fail(str(error))
                self._idle(self._backoff.pause_s())
            finally:
                self._description = ""

    def _opened(self) -> Source:
        self._opens = True
        try:
            return self._open_source()
        finally:
            self._opens = False

    def _converter(self, source: Source) -> Converter:
        try:
            return Converter(source.format, RATE_HZ, 1, self._channel)
        except AudioFormatError as error:
            setting = "microphone.channel: " if self._channel >= source.format.channels else ""
            raise DeviceUnsupported(f"{source.description}: {setting}{error}") from None

    def _listen(self, source: Source, converter: Converter) -> None:
        """Until the end of the source, a stop, or DeviceLost. What comes is heard by the settings it came under."""
        self._description = source.description
        longest = round(self._patience.longest_gap_s * RATE_HZ)
        self._lose(min(self._gap.close(time.monotonic()), longest), "reopen")
        heard_s, patience_s = time.monotonic(), source.first_sound_s
        try:
            while not self._stopping:
                before, overruns = self._bytes, self._overruns
                drained = self._hear(source, converter)
                self._obey()
                heard = self._bytes > before
                if heard:
                    self._welcome(source)
                if heard or self._overruns > overruns:
                    # A slow board may need long for what was missed: an overrun, too, is a sign of life.
                    heard_s, patience_s = time.monotonic(), self._patience.no_frames_s
                elif time.monotonic() - heard_s > patience_s:
                    raise DeviceLost(f"{source.description}: no sound for {patience_s:g} s")
                if drained:
                    # What was due and was not there yet is looked for sooner.
                    self._wait(self._pause_s(source) if heard else source.period_s / 2)
        except EOFError:
            self._end(converter)

    def _pause_s(self, source: Source) -> float:
        """A command is passed on by the period. Nothing else is decided before the end of a hop: there is time."""
        leisure_s = max(source.period_s, _BUFFER_SHARE * source.buffer_s)
        return pause_s(self._position, source.period_s if self._obeyed.command else leisure_s)

    def _hear(self, source: Source, converter: Converter) -> bool:
        """Feed the listener what has come; whether that was all."""
        pcm = bytearray()
        try:
            for _ in range(_BATCH_READS):
                captured = source.read()
                if captured.overrun:
                    self._overrun(pcm, converter)
                elif not captured.pcm:
                    self._gap.caught_up(time.monotonic())
                    return True
                self._gap.got(len(captured.pcm) / source.format.second_bytes)
                pcm += captured.pcm
        finally:
            # Also when the device fails after its last words.
            self._feed_pcm(pcm, converter)
        return False

    def _overrun(self, pcm: bytearray, converter: Converter) -> None:
        """Sound is missing after `pcm`, which is fed first; the stream begins anew here."""
        self._feed_pcm(pcm, converter)
        pcm.clear()
        self._feed(converter.flush()[:, 0])
        self._overruns += 1
        self._lose(self._gap.close(time.monotonic()), "overrun")

    def _feed_pcm(self, pcm: bytearray, converter: Converter) -> None:
        samples = converter.process(bytes(pcm))[:, 0] if pcm else _SILENCE
        if len(samples):
            self._feed(samples)
        if pcm:
            self._bytes += len(pcm)
            self._last_frame_s = time.monotonic()

    def _welcome(self, source: Source) -> None:
        """Sound came: the device is there (again)."""
        self._backoff.reset()
        if self._state != "open":
            self._reopens += self._state == "lost"
            self._state = "open"
            self._post(DeviceReady(Device.MICROPHONE, source.description))

    def _fail(self, text: str) -> None:
        if self._state == "lost":
            log.debug("microphone: still not there: %s", text)
            return
        self._state = "lost"
        self._post(DeviceFailed(Device.MICROPHONE, text))

    def _feed(self, samples: Int16) -> None:
        began_s = self._clock()
        captured_s = self._gap.newest_s(time.monotonic())
        commanded = self._obeyed.command is not None
        if self._echo:
            # One that has learned nothing yet does more harm to a command than a cue does.
            samples = self._echo.process(samples, captured_s, may_begin=not (commanded and self._cues))
            captured_s -= self._echo.held / RATE_HZ
        if self._cues:
            samples = self._cues.process(samples, captured_s, wanted=commanded)
            captured_s -= self._cues.held / RATE_HZ
        self._tell(samples, began_s, captured_s)

    def _tell(self, samples: Int16, began_s: float, captured_s: float) -> None:
        """Feed the listener. Its noise floor must not be that of a cleaned sound."""
        playing = self._playing() or (self._echo is not None and self._echo.active)
        events = self._listener.feed(Frame(samples, self._position), self._obeyed, playing)
        self._position += len(samples)
        self._samples += len(samples)
        if len(samples):
            took_ms = (self._clock() - began_s) * 1000
            self._feed_ms[self._frames % _TIMINGS] = took_ms
            self._frames += 1
            events += self._listener.took(len(samples), took_ms)
        for event in events:
            self._post(self._dated(event, captured_s))

    def _tell_held(self, held: list[Int16]) -> None:
        """What was held back, the oldest first."""
        if held:
            self._tell(np.concatenate(held), self._clock(), time.monotonic())

    def _dated(self, event: Event, captured_s: float) -> Event:
        """A wake word is dated by the capture of its sound, not by its arrival; the last sample fed by `captured_s`."""
        if not isinstance(event, WakeDetected):
            return event
        return replace(event, captured_s=captured_s - (self._position - event.at) / RATE_HZ)

    def _lose(self, count: int, cause: str) -> None:
        if count <= 0:
            return
        self._tell_held([stage.lost(count) for stage in (self._cues, self._echo) if stage])
        for event in self._listener.lost(count, cause):
            self._post(event)
        self._position += count
        self._lost += count

    def _end(self, converter: Converter) -> None:
        """The source was a file, and it is over: hear its last samples, then wait to be stopped."""
        self._feed(converter.flush()[:, 0])
        self._tell_held([stage.flush() for stage in (self._cues, self._echo) if stage])
        for event in self._listener.flush():
            self._post(event)
        self._state = "ended"
        self._post(MicrophoneEnded(self._position))
        while not self._stopping:
            self._idle(_END_S)

    def _idle(self, seconds: float) -> None:
        """Wait so long, but obey new settings and a stop at once."""
        deadline_s = time.monotonic() + seconds
        while not self._stopping and (left_s := deadline_s - time.monotonic()) > 0:
            self._wait(left_s)
            self._obey()

    def _wait(self, seconds: float) -> None:
        """So long, or until there are new settings, or a stop."""
        self._woken.wait(seconds)
        self._woken.clear()

    def _obey(self) -> None:
        """Take new settings over, and tell the listener."""
        if self._settings is not self._obeyed:
            self._obeyed = self._settings
            self._feed(_SILENCE)
