"""The server that Home Assistant connects to.

Any peer that may connect is described to and ponged at once, from memory, whatever else goes on. The one that sent
run-satellite last is *the* server: only its events reach the conversation, and only it is told ours. Home Assistant
keeps such a connection and opens another one every 30 s, just to describe.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from satellite.config import ServerConfig
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.network import protocol
from satellite.network.allow import Allow, Refusals
from satellite.network.connection import Connection, ConnectionStatistics, Ending
from satellite.network.frame import HEADER_BYTES
from satellite.network.interfaces import Network, own_networks
from satellite.network.outbox import OTHERS, SOUND_BYTES, Outbox
from satellite.network.sockets import open_listeners, prepare
from satellite.network.trust import Trust

# Silence is counted in so many checks, not by the clock: a machine that slept must not blame the server.
CHECKS = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may cost us.

    Attributes:
        connections: open at once, at least 2; one more closes the oldest that is not the server's.
        silence_s: a server that answers pings and says nothing for so long is gone. Home Assistant speaks every 2 s.
        idle_s: who is not the server and says nothing for so long is sent away.
        close_s: how long a peer may take what is queued when we close.
        sound_bytes: encoded microphone sound that may wait for one peer.
        others: other events that may wait for one peer.
    """

    connections: int = 8
    silence_s: float = 8.0
    idle_s: float = 60.0
    close_s: float = 1.0
    sound_bytes: int = SOUND_BYTES
    others: int = OTHERS


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """Counters since the start.

    Attributes:
        server: the connection that is the server's, or None.
        connections: those that are open, the server's among them.
        accepted: connections let in.
        refused: connections not let in.
        endings: how connections ended, by reason.
        untold: messages that had no server to go to.
        unsent_bytes: what waited for peers that were cut off.
        trusted: the only address that may be the server, "" where any may.
        untrusted: how often another one wanted to be.
    """

    server: ConnectionStatistics | None
    connections: tuple[ConnectionStatistics, ...]
    accepted: int
    refused: int
    endings: Mapping[str, int]
    untold: int
    unsent_bytes: int
    trusted: str
    untrusted: int


class Server:
    """Listens, answers, and passes on what the server says. Everything but `post` runs in the loop's thread.

    Args:
        config: where to listen, and who may connect.
        info: what peers are told about us.
        post: gets ServerConnected, ServerLost, ServerPaused, and what the server's connection says; must not block.
        trust: which of those who may connect may be the server; None: all.
        networks: the networks on our own interfaces.

    Raises:
        ServerError: `config.allow` is not a list of addresses and networks.
    """

    def __init__(
        self,
        config: ServerConfig,
        info: protocol.SatelliteInfo,
        post: Callable[[ev.Event], None],
        *,
        limits: Limits = Limits(),
        trust: Trust | None = None,
        networks: Callable[[], Iterable[Network]] = own_networks,
    ) -> None:
        self._config = config
        self._post = post
        self._limits = limits
        self._allow = Allow(config.allow, networks)
        self._refusals = Refusals()
        self.trust = trust or Trust(first=False, pinned="", remember=lambda _address: None)
        self._info = protocol.encode_info(info)
        self._listeners: list[asyncio.Server] = []
        self._port = config.port
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._server: Connection | None = None
        self._checking: asyncio.TimerHandle | None = None
        self._closing = False
        self._accepted = self._untold = self._unsent_bytes = 0
        self._endings: Counter[str] = Counter()

    @property
    def port(self) -> int:
        """The TCP port, known after start()."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            ServerError: the port is taken, or the address is not ours.
        """
        self._allow.refresh()
        for listener in await open_listeners(self._config.host, self._config.port):
            self._port = listener.getsockname()[1]
            self._listeners.append(await asyncio.start_server(self._accept, sock=listener, limit=HEADER_BYTES))
        self._check_silence()

    def describe_as(self, info: protocol.SatelliteInfo) -> None:
        """Tell peers this from now on; Home Assistant asks once for each connection."""
        self._info = protocol.encode_info(info)

    def tell(self, message: msg.Message) -> None:
        """Queue a message for the server. Without one, or while it has us paused, it is counted and dropped."""
        if self._server is None or self._server.paused:
            self._untold += 1
        elif not isinstance(message, msg.MicAudio):
            self._server.send(protocol.encode(message))
        elif message.pcm:  # an empty chunk means the end of the stream to Home Assistant
            self._server.send_sound(protocol.encode(message))

    def drop(self, reason: str) -> None:
        """Cut off the server's connection, if there is one. ServerLost is posted before this returns."""
        if self._server is not None:
            self._server.end(Ending.DROPPED, reason)

    async def close(self) -> None:
        """Stop listening and close every connection, within `close_s`; no event is posted any more."""
        self._closing = True
        if self._checking is not None:
            self._checking.cancel()
        for listener in self._listeners:
            listener.close()
        tasks = list(self._connections.values())
        for connection in list(self._connections):
            connection.end(Ending.STOPPING, flush=True)
        if tasks:
            await asyncio.wait(tasks)

    def statistics(self) -> ServerStatistics:
        """Counters since the start."""
        return ServerStatistics(
            self._server.statistics() if self._server else None,
            tuple(connection.statistics() for connection in self._connections if not connection.over),
            self._accepted,
            self._refusals.count,
            dict(self._endings),
            self._untold,
            self._unsent_bytes,
            self.trust.pinned,
            self.trust.refused,
        )

    # --- connections come and go --------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, *port = writer.get_extra_info("peername") or ("unknown",)
        if self._closing or not self._admits(str(address)) or not _prepared(writer):
            writer.transport.abort()
            return
        self._make_room()
        self._accepted += 1
        peer = f"[{address}]:{port[0]}" if ":" in str(address) else f"{address}:{port[0]}"
        outbox = Outbox(self._limits.sound_bytes, self._limits.others)
        connection = Connection(
            self._accepted,
            reader,
            writer,
            outbox,
            address=str(address),
            peer=peer,
            received=self._received,
            ended=self._ended,
            close_s=self._limits.close_s,
        )
        task = asyncio.get_running_loop().create_task(connection.run(), name=f"connection {connection.number}")
        self._connections[connection] = task
        task.add_done_callback(lambda done: self._forget(connection, done))

    def _admits(self, address: str) -> bool:
        now_s = asyncio.get_running_loop().time()
        if self._allow.admits(address, now_s):
            return True
        if line := self._refusals.line(address, now_s):
            _log.warning("%s", line)
        return False

    def _make_room(self) -> None:
        live = [connection for connection in self._connections if not connection.over]
        if len(live) >= self._limits.connections:
            next(connection for connection in live if connection is not self._server).end(Ending.CROWDED)

    def _ended(self, connection: Connection, ending: Ending, text: str) -> None:
        self._endings[ending.value] += 1
        self._unsent_bytes += connection.unsent_bytes
        if connection is not self._server:
            _log.debug("connection from %s ended: %s", connection.peer, text)
            return
        self._server = None
        _log.debug("server %s lost: %s", connection.peer, text)
        if not self._closing:
            self._post(ev.ServerLost(connection.number, text))

    def _forget(self, connection: Connection, task: asyncio.Task[None]) -> None:
        del self._connections[connection]
        if not task.cancelled() and (error := task.exception()):
            _log.error("a bug ended the connection from %s", connection.peer, exc_info=error)

    # --- what peers say -----------------------------------------------------------------------------------------------

    def _received(self, connection: Connection, event: protocol.Received) -> None:
        match event:
            case protocol.Describe():
                connection.send(self._info, urgent=True)
            case protocol.Ping(text):
                connection.send(protocol.encode_pong(text), urgent=True)
            case protocol.RunSatellite():
                self._adopt_if_trusted(connection)
            case protocol.Pong() | protocol.WakeWords() | protocol.Ignored():
                pass
            case _ if connection is not self._server:
                connection.count_ignored()
            case protocol.PauseSatellite():
                self._pause(connection)
            case protocol.RunPipeline() if not self._config.remote_trigger:
                connection.count_ignored()
            case protocol.RunPipeline():
                self._post(ev.ListenRequested())
            case _:
                self._post(event)

    def _adopt_if_trusted(self, connection: Connection) -> None:
        if self.trust.admits(connection.address):
            self._adopt(connection)
            return
        if self.trust.refused == 1:
            _log.warning(
                "%s wants to be the server, but only %s is trusted (server.trust); to trust the next one: "
                "satellite --set trust=anew",
                connection.peer,
                self.trust.pinned,
            )
        connection.end(Ending.UNTRUSTED)

    def _adopt(self, connection: Connection) -> None:
        """The newest server wins: Home Assistant comes back while its old connection still looks alive."""
        old = self._server
        if old is connection and not connection.paused:
            return
        if old is not None and old is not connection:
            old.end(Ending.REPLACED, f"replaced by {connection.peer}", flush=True)
        connection.paused = False
        connection.silent_checks = 0
        self._server = connection
        _log.debug("server %s connected", connection.peer)
        self._post(ev.ServerConnected(connection.number, connection.peer))

    def _pause(self, connection: Connection) -> None:
        if not connection.paused:
            connection.paused = True
            self._post(ev.ServerPaused())

    def _check_silence(self) -> None:
        """A peer without power says nothing. One that paused us does not read, and need not speak."""
        loop = asyncio.get_running_loop()
        self._checking = loop.call_later(self._limits.silence_s / CHECKS, self._check_silence)
        server = self._server
        self._send_idle_away()
        if server is None or server.paused:
            return
        server.silent_checks += 1
        if server.silent_checks == CHECKS // 2:
            server.send(protocol.encode_ping(), urgent=True)
        elif server.silent_checks > CHECKS and server.answers_pings:
            server.end(Ending.SILENT, f"silent for {self._limits.silence_s:g} s")

    def _send_idle_away(self) -> None:
        patience = CHECKS * self._limits.idle_s / self._limits.silence_s
        for connection in self._connections:
            if connection is not self._server and not connection.over:
                connection.silent_checks += 1
                if connection.silent_checks > patience:
                    connection.end(Ending.IDLE)


def _prepared(writer: asyncio.StreamWriter) -> bool:
    try:
        prepare(writer.get_extra_info("socket"))
    except OSError:
        return False
    return True
