"""The command line's options: what there is, and the page that explains it."""

from __future__ import annotations

import argparse
import shutil
from functools import partial
from typing import NoReturn

from satellite.core.errors import ConfigError

_DESCRIPTION = """\
The ears and voice of Home Assistant: hears its wake word, streams the command,
plays the answer. Without any option it runs, as the configuration says."""

_EPILOG = """\
Examples:
  satellite --demo
  satellite --name Kitchen --mic usb --speaker usb --wake-word alexa
  satellite --set volume=60 threshold.alexa=0.6

Settings come from the configuration file (~/.config/satellite/satellite.toml,
else /etc/satellite/satellite.toml), then from variables such as
SATELLITE_SERVER_PORT=10701, then from options; the last one counts.

Exit codes: 0 done, or stopped as asked; 1 failed; 2 mistakes in the options or
the configuration; 130 interrupted."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of printing its usage first."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([f"{message.removeprefix('argument ')}; see satellite --help"])


def make_parser() -> argparse.ArgumentParser:
    """All options."""
    parser = _Parser(
        prog="satellite",
        usage="satellite [option...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=28, width=_width()),
        allow_abbrev=False,
        add_help=False,
    )
    _add_settings(parser)
    _add_verbs(parser)
    _add_extras(parser)
    return parser


def _width() -> int:
    return max(60, min(118, shutil.get_terminal_size().columns))


def _add_settings(parser: argparse.ArgumentParser) -> None:
    running = parser.add_argument_group("Running")
    running.add_argument("--config", metavar="FILE", help="read this file, not the user's or the system's")
    for flag, key, metavar, text in (
        ("--name", "satellite.name", "NAME", "in Home Assistant (default: the host's name)"),
        ("--area", "satellite.area", "AREA", "the room it is in"),
        ("--mic", "microphone.device", "DEVICE", "microphone; a part of its name will do"),
        ("--speaker", "speaker.device", "DEVICE", "speaker, likewise; or none"),
        ("--volume", "speaker.volume", "PERCENT", "of the speaker, 0 to 100"),
        ("--wake-word", "wake_word", "NAME", "listen for this model or file of your own; repeatable"),
        ("--host", "server.host", "ADDRESS", "listen on this address only"),
        ("--port", "server.port", "PORT", "listen on this port (default: 10700)"),
        ("--log-level", "log.level", "LEVEL", "debug, info, warning or error (default: info)"),
        ("--log-format", "log.format", "FORMAT", "text, or json: one object for each line (default: text)"),
    ):
        convert = partial(_setting, flag, key)
        running.add_argument(
            flag, dest="settings", action="append", type=convert, metavar=metavar, help=text, default=[]
        )
    for flag, key, value, text in (
        ("--debug", "log.level", "debug", "the same as --log-level debug"),
        ("--no-discovery", "discovery.enabled", "false", "do not announce this device on the network"),
    ):
        given = _setting(flag, key, value)
        running.add_argument(flag, dest="settings", action="append_const", const=given, help=text)


def _setting(flag: str, key: str, text: str) -> tuple[str, str, str]:
    """A config.sources.TextSetting to be, without importing it."""
    return flag, key, text


def _add_verbs(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_argument_group("Instead of running")
    verbs.add_argument("--demo", action="store_true", help="show a whole turn; with --mic: a parrot to talk to")
    verbs.add_argument("--list-devices", action="store_true", help="show the microphones and speakers")
    verbs.add_argument(
        "--test-mic", action="store_true", help="hear the microphone, say what is wrong and what to change"
    )
    verbs.add_argument("--test-speaker", action="store_true", help="play a sweep and a voice, and hear how they sound")
    verbs.add_argument("--benchmark", action="store_true", help="measure how much of this machine listening takes")
    verbs.add_argument("--fetch-models", nargs="*", metavar="NAME", help="download the models: these, or all")
    verbs.add_argument("--check-config", action="store_true", help="show all settings, or all mistakes")
    verbs.add_argument(
        "--example-config", nargs="?", const="-", metavar="FILE", help="write a file with every setting explained"
    )
    verbs.add_argument("--status", action="store_true", help="ask the running satellite how it is")
    verbs.add_argument(
        "--set",
        nargs="+",
        metavar="KEY=VALUE",
        help="change it: volume=0..100, mute=on|off, sensitivity=high|normal|low, alarm=off, trust=anew, "
        "threshold.NAME=0.01..1",
    )
    verbs.add_argument("--listen", action="store_true", help="let it listen to a command now, without the wake word")
    verbs.add_argument("--version", action="store_true", help="show the version")
    verbs.add_argument("-h", "--help", action="store_true", help="show this page")


def _add_extras(parser: argparse.ArgumentParser) -> None:
    extras = parser.add_argument_group("With some of these")
    extras.add_argument(
        "--json",
        action="store_true",
        help="--list-devices, --test-mic, --test-speaker, --benchmark, --status, --set: answer in JSON",
    )
    extras.add_argument(
        "--seconds", type=float, metavar="N", help="--test-mic: so long; --test-speaker: length of the sweep, 0.5 to 20"
    )
    extras.add_argument("--output", metavar="FILE", help="--demo: play into this WAV file")
    extras.add_argument("--file", metavar="FILE", help="--test-mic: judge this WAV file instead")
    extras.add_argument("--report", metavar="FILE", help="--test-mic: draw what was heard into this HTML file")
