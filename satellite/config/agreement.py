"""Settings that are fine alone but not together, and texts with a form of their own."""

from __future__ import annotations

import ipaddress
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import NamedTuple
from urllib.parse import urlsplit

from satellite.config.schema import Config, ProcessingConfig
from satellite.config.toml import shown


class Disagreement(NamedTuple):
    """A mistake, and the keys it is about; the first is the one to point at."""

    keys: tuple[str, ...]
    text: str


def disagreements(config: Config) -> Iterator[Disagreement]:
    """Every one that is found."""
    yield from _numbers(config)
    yield from _processing(config.processing)
    yield from _wake_words(config)
    yield from _networks(config)
    yield from _listening(config)
    yield from _hooks(config)


def _numbers(config: Config) -> Iterator[Disagreement]:
    microphone, command = config.microphone, config.command
    if microphone.channel >= microphone.channels:
        yield Disagreement(
            ("microphone.channel", "microphone.channels"),
            f"microphone.channel = {microphone.channel}: must be less than microphone.channels "
            f"({microphone.channels}); they are counted from 0",
        )
    if command.min_speech_ms >= command.max_s * 1000:
        yield Disagreement(
            ("command.min_speech_ms", "command.max_s"),
            f"command.min_speech_ms = {command.min_speech_ms:g}: must be less than command.max_s ({command.max_s:g} s)",
        )
    for name, device in (("microphone", microphone), ("speaker", config.speaker)):
        if device.buffer_ms < 2 * device.period_ms:
            yield Disagreement(
                (f"{name}.buffer_ms", f"{name}.period_ms"),
                f"{name}.buffer_ms = {device.buffer_ms:g}: must hold two periods of {device.period_ms:g} ms",
            )


def _processing(processing: ProcessingConfig) -> Iterator[Disagreement]:
    if 0 < processing.high_pass_hz < 1:
        yield Disagreement(
            ("processing.high_pass_hz",),
            f"processing.high_pass_hz = {processing.high_pass_hz:g}: must be 0 (off) or a number from 1 to 500",
        )
    if processing.peak_normalise and processing.agc != "off":
        yield Disagreement(
            ("processing.peak_normalise", "processing.agc"),
            f"processing.peak_normalise = true: not together with processing.agc = {shown(processing.agc)}, "
            "whose work it would undo",
        )


def _wake_words(config: Config) -> Iterator[Disagreement]:
    if not config.wake_word:
        yield Disagreement(("wake_word",), "wake_word = []: at least one [[wake_word]] is needed")
    for model, count in Counter(word.model for word in config.wake_word).items():
        if count > 1:
            rows = [row for row, word in enumerate(config.wake_word) if word.model == model]
            keys = [key for row in reversed(rows) for key in (f"wake_word.{row}.model", f"wake_word.{row}")]
            yield Disagreement(tuple(keys), f"wake word {shown(model)} is given {count} times; once is enough")


def _networks(config: Config) -> Iterator[Disagreement]:
    for entry in config.server.allow:
        try:
            ipaddress.ip_network(entry)
        except ValueError:
            text = f"server.allow: {shown(entry)} is not an address or network{_network_meant(entry)}"
            yield Disagreement(("server.allow",), text)


def _listening(config: Config) -> Iterator[Disagreement]:
    mode, uri = config.listening.mode, config.listening.wake_uri
    keys = ("listening.wake_uri", "listening.mode")
    if mode == "service" and not service_address(uri):
        fault = f"{shown(uri)} is not an address of it" if uri else "it must say where"
        yield Disagreement(
            keys, f'listening.wake_uri: mode = "service" needs it, and {fault}, as "tcp://192.168.1.5:10400"'
        )
    if uri and mode != "service":
        yield Disagreement(keys, f'listening.wake_uri = {shown(uri)}: counts only with listening.mode = "service"')


def _hooks(config: Config) -> Iterator[Disagreement]:
    for name, command in asdict(config.hooks).items():
        try:
            fault = "" if shlex.split(command) or not command else "it names no program"
        except ValueError as error:
            fault = str(error).lower()
        if fault:
            yield Disagreement((f"hooks.{name}",), f"hooks.{name} = {shown(command)}: not a command: {fault}")


def service_address(uri: str) -> tuple[str, int] | None:
    """Host and port of tcp://HOST:PORT, or None when it is something else."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    right = parts.scheme == "tcp" and parts.hostname and port and parts.path in ("", "/")
    return (str(parts.hostname), int(port)) if right and port else None


def _network_meant(entry: str) -> str:
    try:
        return f"; did you mean {ipaddress.ip_network(entry, strict=False)}?"
    except ValueError:
        return ', as "192.168.1.20" or "192.168.1.0/24"'
