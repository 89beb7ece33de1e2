"""The playback thread: all sounds into one speaker."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from satellite.config import SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceError
from satellite.core.events import Device, DeviceFailed, DeviceReady, Event, PlaybackFinished, PlaybackStarted
from satellite.core.ports import Sink
from satellite.device.backoff import Backoff
from satellite.device.player import PlayCounts, Player
from satellite.device.priority import Priority
from satellite.device.voice import Voice
from satellite.device.voices import Voices
from satellite.dsp.reference import Reference

log = logging.getLogger(__name__)

_STOP_S = 1.0


@dataclass(frozen=True, slots=True)
class PlaybackStatistics:
    """What the playback thread has done.

    Attributes:
        state: "opening", "open", "resting" (nothing to play), "lost", "none" (no speaker is wanted) or "stopped".
        description: the open device and what it granted; "" while none is open.
        frames: written to the card, silence included.
        underruns: how often the card ran dry.
        starved: periods of silence because a sound's next bytes had not come.
        held_bytes: waiting to be played.
        dropped_bytes: refused because too much was waiting.
        finished, failed: sounds that were heard to their end, and that were not.
        reopens: how often the device came back.
        hung_s: how long the card has been taking for the write under way; 0 when none is.
    """

    state: str
    description: str
    frames: int
    underruns: int
    starved: int
    held_bytes: int
    dropped_bytes: int
    finished: int
    failed: int
    reopens: int
    hung_s: float


class Playback:
    """Plays sounds from any thread through one speaker, mixed, in a thread of its own.

    A sound is begun, fed and ended. PlaybackStarted is posted when its first samples were given to the speaker,
    PlaybackFinished when its last sample has been heard, or with `failed` as soon as it has ended when there is no
    speaker. Sounds give way to those of a higher priority. The speaker is opened once, and again with growing pauses
    when it is lost. After config.idle_s of silence it rests.

    Args:
        open_sink: opens the speaker anew, None when none is wanted; called in the thread.
        config: volume, how long to warm up, and when to rest.
        post: takes events; called from any thread, must not block.
        reference: takes all that is played, for the echo canceller; None: nobody does.
    """

    def __init__(
        self,
        open_sink: Callable[[], Sink | None],
        config: SpeakerConfig,
        post: Callable[[Event], None],
        reference: Reference | None = None,
    ) -> None:
        self._reference = reference
        self._open_sink = open_sink
        self._config = config
        self._post = post
        self._thread = threading.Thread(target=self._run, name="playback", daemon=True)
        self._voices = Voices()
        self._percent = config.volume
        self._backoff = Backoff()
        self._state = "opening"
        self._opens = False
        self._description = ""
        self._player: Player | None = None
        self._counts = PlayCounts()
        self._reopens = self._finished = self._failed = 0

    def start(self) -> None:
        """Begin. Once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, cutting all sounds, and close the device; returns within a second. Twice is harmless."""
        self._voices.close()
        if player := self._player:
            player.give_up()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
        if self._thread.is_alive() and self._opens:
            log.info("a speaker that does not open yet is not waited for; it is closed as soon as it does")
        elif self._thread.is_alive():
            log.error("the playback thread did not stop within %s s", _STOP_S)

    def begin(
        self, source: int, form: AudioFormat, priority: Priority = Priority.SPEECH, volume_percent: int = 100
    ) -> None:
        """A sound begins; its bytes follow. Beyond 64 that wait, it fails when it ends.

        Args:
            source: its number; ValueError when it is in use.
            form: of its bytes.
            priority: what it gives way to; speech is heard one after the other, all else at once.
            volume_percent: its own volume, beside the master's.
        """
        self._voices.begin(source, form, priority, volume_percent)

    def feed(self, source: int, pcm: bytes) -> None:
        """More bytes of a sound. Never waits: beyond 32 MiB they are dropped and counted. Ignored when it was cut."""
        self._voices.feed(source, pcm)

    def end(self, source: int) -> None:
        """The sound is complete; PlaybackFinished will tell when it has been heard. Ignored when it was cut."""
        voice = self._voices.end(source)
        if voice:
            self._report([voice], failed=voice.failed)

    def cue(
        self,
        name: str,
        pcm: bytes,
        form: AudioFormat,
        priority: Priority = Priority.CUE,
        volume_percent: int = 100,
    ) -> None:
        """Play a short sound beside all others. Nothing is posted about it. Ignored while that cue still sounds."""
        self._voices.cue(name, pcm, form, priority, volume_percent)

    def remove(self, source: int | str) -> None:
        """Cut one sound, by its number or the name of the cue. Nothing is posted about it. Ignored when it is unknown.

        Within a period when it sounds alone. Else what is in the card of it, with the others, is still heard: 45 ms,
        on a machine that is too slow for that more.
        """
        self._voices.remove(source)

    def silence(self) -> None:
        """Cut all sounds, what is in the card included, within a period. Nothing is posted about them."""
        self._voices.cut()

    def set_volume(self, percent: int, source: int | str | None = None) -> None:
        """The volume of one sound, or the master's; 0 to 100. What sounds goes there from the next period on."""
        if source is None:
            self._percent = percent
        else:
            self._voices.set_volume(source, percent)

    def attend(self, attentive: bool) -> None:
        """A person speaks to the satellite (or does no more): alarms and media give way as they do to speech."""
        self._voices.attentive = attentive

    @property
    def playing(self) -> bool:
        """Something audible waits, or is in the card."""
        return self._voices.audible

    def hung_s(self) -> float:
        """How long a write that may never return has taken; 0 when none is. Beyond 2 s only exit helps."""
        player = self._player
        return player.hung_s() if player else 0.0

    def statistics(self) -> PlaybackStatistics:
        """What has been done so far; from any thread."""
        player = self._player
        return PlaybackStatistics(
            "resting" if player and player.resting else self._state,
            self._description,
            self._counts.frames,
            self._counts.underruns,
            self._counts.starved,
            self._voices.held_bytes,
            self._voices.dropped_bytes,
            self._finished,
            self._failed,
            self._reopens,
            round(player.writing_s(), 3) if player else 0.0,
        )

    # Below here: the thread.

    def _run(self) -> None:
        try:
            self._keep_open()
        except Exception as error:
            # A bug: the satellite must hear of it, or the server would wait for its "played".
            log.exception("the playback thread ended")
            self._lose(f"the speaker's thread ended: {error!r}")

    def _keep_open(self) -> None:
        while not self._voices.closed:
            try:
                sink = self._opened()
                if sink is None:
                    self._state = "none"
                    self._report(self._voices.fall_silent(), failed=True)
                    return
                self._use(sink)
            except DeviceError as error:
                self._lose(str(error))
                self._voices.pause(self._backoff.pause_s())
        self._state = "stopped"

    def _opened(self) -> Sink | None:
        self._opens = True
        try:
            return self._open_sink()
        finally:
            self._opens = False

    def _use(self, sink: Sink) -> None:
        """Play until it fails, is released, or all is closed; then, released, until there is something to play."""
        config = self._config
        player = Player(
            sink,
            self._voices,
            self._began,
            self._report,
            self._counts,
            config=config,
            percent=self._percent,
            reference=self._reference,
        )
        with contextlib.closing(sink):
            self._welcome(sink, player)
            try:
                while not self._voices.closed and not (config.release and player.resting and not self.playing):
                    player.step(self._percent)
            finally:
                self._player, self._description = None, ""
                if player.written_frames:
                    self._backoff.reset()
        self._state = "resting"
        self._voices.wait_for_sound()

    def _welcome(self, sink: Sink, player: Player) -> None:
        if self._voices.closed:
            return  # it opened too late
        self._voices.speak()
        self._player, self._description = player, sink.description
        if self._state != "resting":
            self._reopens += self._state == "lost"
            self._post(DeviceReady(Device.SPEAKER, sink.description))
        self._state = "open"

    def _lose(self, text: str) -> None:
        if self._voices.closed:
            return  # perhaps because it was told to give up
        if self._state == "lost":
            log.debug("speaker: still not there: %s", text)
        else:
            self._state = "lost"
            self._post(DeviceFailed(Device.SPEAKER, text))
        self._report(self._voices.fall_silent(), failed=True)

    def _began(self, voice: Voice) -> None:
        if isinstance(voice.source, int):
            self._post(PlaybackStarted(voice.source, time.monotonic()))

    def _report(self, voices: Sequence[Voice], failed: bool = False) -> None:
        for voice in voices:
            self._finished += not failed
            self._failed += failed
            if isinstance(voice.source, int):
                self._post(PlaybackFinished(voice.source, failed))
