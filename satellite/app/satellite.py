"""The running satellite: microphone, listener, session, server and speaker, plugged together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from satellite import session
from satellite.app import build, influence, status
from satellite.app.cues import Cues
from satellite.app.dialogue import Dialogue, Observer
from satellite.app.hooks import Hooks
from satellite.app.loading import in_background
from satellite.app.recordings import Recordings
from satellite.app.saving import Saving
from satellite.app.timers import Kept, Moment, restored
from satellite.app.turns import Turns
from satellite.app.utterance import Utterance
from satellite.config import Config
from satellite.control.settings import parse_settings
from satellite.control.tap import Tap
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.audio import AudioFormat
from satellite.core.errors import ControlError, ServerError, StateError
from satellite.core.places import state_directory
from satellite.device.capture import Capture
from satellite.device.opening import open_sink, open_source
from satellite.device.playback import Playback
from satellite.dsp.cue_echo import CueCanceller
from satellite.dsp.echo import EchoCanceller
from satellite.listen.leadin import lead_in
from satellite.listen.listener import Listener
from satellite.network.discovery import Discovery
from satellite.network.server import Server
from satellite.network.trust import Trust
from satellite.network.wake_service import WakeService
from satellite.state import State

log = logging.getLogger(__name__)


class Satellite:
    """Microphone, listener, session, server and speaker, plugged together.

    Lives on one event loop; the two audio threads reach it through the inbox alone. Whoever makes it calls `start`,
    and `stop` in any case.

    Args:
        config: what was asked for.
        memory: what persists; volume, mute, sensitivity and thresholds set at run time go before the configuration's.
        observe: called on the loop with the time and every event and effect, in order.
    """

    def __init__(self, config: Config, memory: State, observe: Observer = lambda _now_s, _what: None) -> None:
        self.config = config
        self.memory = memory
        self._observe = observe
        self.started_at_s = time.monotonic()
        self.dialogue = self._make_dialogue()
        self._post = self.dialogue.inbox.post
        self._kept_timers = Kept(memory.timers)
        self._saving = Saving(self._save)
        self.utterance = Utterance()
        self._wanted = fx.ListenFor(None, memory.muted)
        self.tap = Tap(lambda: self._wanted.muted)
        self.cues = Cues(config.sounds, config.speaker.cue_volume)
        self.turns = Turns()
        self.recordings = self._make_recordings(config)
        self.hooks = Hooks(config.hooks, muted=memory.muted)
        self.server = self._make_server(config)
        self.reference = build.reference(config)
        self.echo: EchoCanceller | None = None
        self.cue_echo: CueCanceller | None = None
        self.playback = self._make_playback()
        self.discovery: Discovery | None = None
        self.capture: Capture | None = None
        self.listener: Listener | None = None
        self.wake_service: WakeService | None = None

    # --- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Be reachable first (Home Assistant may ask at once), then hear, then be found.

        Raises:
            ServerError: the port is taken or the address is not ours.
            ModelError: a model is missing or damaged.
        """
        await self.serve()
        await self.hear()
        await self._start_discovery()
        self.hooks.run(time.monotonic(), "ready", {})

    async def serve(self) -> None:
        """Answer on the port, and be able to make a sound.

        Raises:
            ServerError: the port is taken or the address is not ours.
        """
        await self.server.start()
        self.playback.start()

    async def hear(self) -> None:
        """Open the microphone and listen.

        Raises:
            ModelError: a model is missing or damaged.
        """
        await self._start_capture(self.config)

    async def stop(self) -> None:
        """Withdraw, hang up, let go of the devices, at once: each may take a second. Safe at any moment of `start`."""
        self.dialogue.stop()
        self.hooks.close()
        ends: list[Awaitable[None]] = [
            self.server.close(),
            self.recordings.close(),
            self._saving.close(),
            asyncio.to_thread(self.playback.stop),
        ]
        ends += [part.close() for part in (self.discovery, self.wake_service) if part]
        if self.capture:
            ends.append(asyncio.to_thread(self.capture.stop))
        for failure in await asyncio.gather(*ends, return_exceptions=True):
            if failure:
                log.error("a bug while stopping", exc_info=failure)

    async def _start_capture(self, config: Config) -> None:
        """Load first, then swap: a microphone that hears is not given up for models that cannot be loaded."""
        reference = self.reference if build.echoes(config) == build.echoes(self.config) else build.reference(config)
        echo = build.echo(config, reference)
        listener = await in_background(build.listener, config, reference)
        if self.capture:
            self.capture.stop()
            self._post(ev.DeviceFailed(ev.Device.MICROPHONE, "reopened for the new configuration", wanted=True))
            # Now: the new listener must not be told of a command that the old one heard.
            self.dialogue.drain()
        self.reference = reference
        self.listener, self.echo, microphone = listener, echo, config.microphone
        self.cue_echo = build.cue_echo(reference)
        playing = partial(getattr, self, "is_playing")
        self.wake_service = await build.wake_service(config, self._post, self.wake_service)
        self.capture = Capture(
            lambda: self.tap.around(open_source(microphone)),
            microphone,
            listener,
            build.routed(self.wake_service, self._post),
            playing,
            echo=echo,
            cues=self.cue_echo,
        )
        self._listen_for(self._wanted)
        self.capture.start()

    async def _start_discovery(self) -> None:
        if self.config.discovery.enabled:
            self.discovery = Discovery(build.service(self.config, self.memory.identity, self.server.port))
            await self.discovery.start()

    def _make_dialogue(self) -> Dialogue:
        perform: dict[type, Callable[[Any], None]] = {
            fx.TellServer: lambda effect: self._tell(effect.message),
            fx.StartStream: self._start_stream,
            fx.SendCommandAgain: self._send_command_again,
            fx.DropServer: lambda effect: self.server.drop(effect.reason),
            fx.RemoteDeaf: lambda _effect: None,
            fx.ListenFor: self._listen_for,
            fx.PlayCue: lambda effect: self.cues.play(effect.name, self.playback),
            fx.StopCue: lambda effect: self.playback.remove(effect.name),
            fx.PlayStart: self._play_start,
            fx.PlayAudio: lambda effect: self.playback.feed(effect.source, effect.pcm),
            fx.PlayEnd: lambda effect: self.playback.end(effect.source),
            fx.StopPlayback: lambda _effect: self.playback.silence(),
        }
        state = session.State(**influence.manners(self.config), muted=self.memory.muted)
        timers = restored(self.memory.timers, Moment.present())
        return Dialogue(state, timers, perform, self._watch, self._keep)

    def _make_server(self, config: Config) -> Server:
        trust = Trust(config.server.trust == "first", self.memory.trusted, self._remember_server)
        return Server(config.server, build.info(config), self._post, trust=trust)

    def _remember_server(self, address: str) -> None:
        self.memory.trusted = address
        self._save()

    def _make_playback(self) -> Playback:
        speaker = self.config.speaker
        playback = Playback(partial(open_sink, speaker), speaker, self._post, self.reference)
        playback.set_volume(speaker.volume if self.memory.volume is None else self.memory.volume)
        playback.attend(self._wanted.command is not None)
        return playback

    def _make_recordings(self, config: Config) -> Recordings:
        return Recordings(config.recordings, state_directory(config.paths.state))

    @property
    def is_playing(self) -> bool:
        """The speaker makes a sound."""
        return self.playback.playing

    async def reload(self, config: Config) -> None:
        """Put a new configuration into force; only the parts that it changes are made anew.

        Raises:
            ModelError: a model is missing or damaged; nothing has changed.
            ServerError: the new port is taken or the address is not ours; only there the old settings stay in force.
        """
        old, reference = self.config, self.reference
        if influence.hearing(old) != influence.hearing(config):
            await self._start_capture(config)
        self.config = replace(config, server=old.server)
        self._listen_for(self._wanted)
        self.dialogue.state = replace(self.dialogue.state, **influence.manners(config))
        self.cues = Cues(config.sounds, config.speaker.cue_volume)
        self.hooks.configure(config.hooks)
        if old.speaker != config.speaker or reference is not self.reference:
            self._renew_playback()
        if old.recordings != config.recordings:
            await self._renew_recordings(config)
        failure = await self._renew_server(config) if old.server != config.server else None
        self.server.describe_as(build.info(self.config))
        if influence.found_by(old) != influence.found_by(self.config):
            await self._renew_discovery()
        if failure:
            raise failure

    async def _renew_server(self, config: Config) -> ServerError | None:
        """Hang up and serve as the new configuration says; where that fails, as the old one said."""
        new = self._make_server(config)
        await self.server.close()
        self.dialogue.drain()
        if self.dialogue.state.connection is not None:
            self.dialogue.handle(ev.ServerLost(self.dialogue.state.connection, "hung up for the new configuration"))
        try:
            self.server = new
            await new.start()
        except ServerError as error:
            await new.close()
            self.server = self._make_server(self.config)
            await self.server.start()
            return error
        self.config = config
        return None

    async def _renew_discovery(self) -> None:
        if self.discovery:
            await self.discovery.close()
        self.discovery = None
        await self._start_discovery()

    async def _renew_recordings(self, config: Config) -> None:
        old, self.recordings = self.recordings, self._make_recordings(config)
        self._listen_for(self._wanted)
        await old.close()

    def _renew_playback(self) -> None:
        self.playback.stop()
        self.playback = self._make_playback()
        self.playback.start()
        for sound in self.dialogue.state.sounds:
            self._post(ev.PlaybackFinished(sound.source, failed=True))

    # --- effects ----------------------------------------------------------------------------------------------------

    def _watch(self, now_s: float, what: ev.Event | fx.Effect) -> None:
        self.turns.write(now_s, what)
        self.recordings.write(what)
        self.hooks.write(now_s, what)
        self._observe(now_s, what)

    def _keep(self) -> None:
        """What outlives an event: the timers on disk, and the command for as long as it may be sent again."""
        if not self.dialogue.state.kept:
            self.utterance.forget()
        self.keep_timers()

    def keep_timers(self) -> None:
        """On disk, as they are now; to be called now and then, because nobody tells when the wall clock is set."""
        timers = self._kept_timers.renewed(self.dialogue.timers)
        if timers is not None:
            self.memory.timers = timers
            self._saving.soon()

    def _tell(self, message: msg.Message) -> None:
        self.utterance.record(message)
        self.server.tell(message)

    def _start_stream(self, effect: fx.StartStream) -> None:
        if effect.floor_dbfs is not None:
            self._tell(msg.MicAudio(lead_in(effect.floor_dbfs)))

    def _send_command_again(self, _effect: fx.SendCommandAgain) -> None:
        for message in self.utterance.again():
            self.server.tell(message)

    def _listen_for(self, effect: fx.ListenFor) -> None:
        self._wanted = effect
        self.playback.attend(effect.command is not None)
        if self.capture:
            self.capture.apply(
                fx.ListenSettings(
                    effect.command,
                    effect.muted,
                    keep=self.recordings.keep,
                    thresholds=self.memory.thresholds,
                    sensitivity=self.memory.sensitivity or self.config.listening.sensitivity,
                )
            )

    def _play_start(self, effect: fx.PlayStart) -> None:
        self.playback.begin(effect.source, AudioFormat(effect.rate_hz, effect.channels, effect.width_bytes))

    # --- control ----------------------------------------------------------------------------------------------------

    def change(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """Apply what `--set` asked for, and keep it. Returns what is now in force.

        Raises:
            ControlError: a key or value is wrong; nothing is changed.
        """
        changes = parse_settings(asked, [build.model_name(word) for word in self.config.wake_word])
        if changes.listen:
            self.listen_now()
        if changes.volume is not None:
            self.memory.volume = changes.volume
            self.playback.set_volume(changes.volume)
        if changes.thresholds or changes.sensitivity:
            self.memory.thresholds = {**self.memory.thresholds, **changes.thresholds}
            self.memory.sensitivity = changes.sensitivity or self.memory.sensitivity
            self._listen_for(self._wanted)
        if changes.trust_anew:
            self.server.trust.forget()
        if changes.alarm_off:
            self._post(ev.AlarmDismissed())
        if changes.muted is not None:
            self.memory.muted = changes.muted
            self._post(ev.MuteChanged(changes.muted))
        self._save()
        return status.settings(self)

    def _save(self) -> None:
        try:
            self.memory.save()
        except StateError as error:
            log.error("in force until the next start only: %s", error)

    def listen_now(self) -> None:
        """Listen to a command without a wake word.

        Raises:
            ControlError: it would not be heard.
        """
        if self.dialogue.state.deaf:
            raise ControlError("the microphone is muted, here or in Home Assistant; unmute it first")
        if self.capture is None or self.capture.statistics().state != "open":
            raise ControlError("there is no microphone to listen with; satellite --status tells more")
        self._post(ev.ListenRequested())

    def status(self) -> Mapping[str, Any]:
        """Everything that `--status` shows."""
        return status.report(self)
