"""The command line: from arguments to one verb. What a verb does is elsewhere, and is imported when it is asked for.

Nothing heavy is imported here: `satellite --help` answers at once, on a small board too.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from satellite import __version__
from satellite.core.errors import ConfigError, SatelliteError
from satellite.options import make_parser

if TYPE_CHECKING:
    from satellite.config import Config
    from satellite.config.loading import Loaded

EXIT_FAILED = 1
EXIT_MISTAKES = 2
EXIT_INTERRUPTED = 130

DEMO_OUTPUT = "satellite-demo.wav"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments (default: the process's) ask for.

    Returns:
        The exit code; what went wrong has been said on standard error.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without umlauts is no reason to fail
    try:
        code = _obey(sys.argv[1:] if arguments is None else arguments)
        _print("")
    except ConfigError as error:
        _complain_of_all(error.mistakes)
        return EXIT_MISTAKES
    except SatelliteError as error:
        _complain(str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _abandon_output()
        return EXIT_FAILED
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("satellite"):
            raise
        _complain(f"the Python package {error.name} is not installed; run scripts/setup")
        return EXIT_FAILED
    return code


def _print(text: str) -> None:
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        _abandon_output()
        raise SatelliteError(f"the output cannot be written: {error.strerror}") from None


def _abandon_output() -> None:
    """Python would try once more to write what is left when it ends, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str) -> None:
    print(f"satellite: {text}", file=sys.stderr)


def _complain_of_all(mistakes: Sequence[str]) -> None:
    if len(mistakes) == 1:
        _complain(mistakes[0])
    else:
        _complain(f"{len(mistakes)} mistakes:")
        print("\n".join(f"  {mistake}" for mistake in mistakes), file=sys.stderr)


def _obey(arguments: Sequence[str]) -> int:
    parser = make_parser()
    options, unknown = parser.parse_known_args(arguments)
    if options.help:
        _print(parser.format_help())
        return 0
    if unknown:
        _refuse_unknown(unknown[0], parser)
    return _verb(options)(options)


def _refuse_unknown(argument: str, parser: argparse.ArgumentParser) -> NoReturn:
    from satellite.config.values import did_you_mean

    known = sorted(set(re.findall(r"--[a-z-]+", parser.format_help())))
    hint = did_you_mean(argument.partition("=")[0], known) or "; see satellite --help"
    raise ConfigError([f"{argument} is not known{hint}"])


# --- verbs ------------------------------------------------------------------------------------------------------------


def _verb(options: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    """The one that is asked for; to run, when none is."""
    asked = [name for name in _VERBS if getattr(options, name) not in (None, False)]
    if len(asked) > 1:
        raise ConfigError([f"{' and '.join(map(_flag, asked))} together: one at a time, please"])
    verb = asked[0] if asked else "run"
    for extra, verbs in _EXTRAS.items():
        if getattr(options, extra) and verb not in verbs:
            raise ConfigError([f"{_flag(extra)} goes with {' or '.join(map(_flag, verbs))} only"])
    return _VERBS[verb] if asked else _run


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _run(options: argparse.Namespace) -> int:
    from satellite.app import run

    return run(lambda: _checked(options).config)


def _demo(options: argparse.Namespace) -> int:
    config = _loader(options)()  # before the import, which takes its time
    from satellite.diagnostics import demo

    devices = {key: text for _, key, text in options.settings if key.endswith(".device")}
    return demo.run(
        config,
        devices.get("microphone.device"),
        devices.get("speaker.device"),
        options.output or DEMO_OUTPUT,
    )


def _list_devices(options: argparse.Namespace) -> int:
    from satellite.device import listing

    return listing.main(options.json)


def _benchmark(options: argparse.Namespace) -> int:
    config = _checked(options).config
    from satellite.diagnostics import benchmark

    return benchmark.run(config, as_json=options.json)


def _test_mic(options: argparse.Namespace) -> int:
    try:
        config = _loader(options)()
        from satellite.diagnostics import mic

        named = [text for _, key, text in options.settings if key == "microphone.device"]
        device = named[-1] if named else None
        wish = mic.Wish(device, options.file, options.seconds, json=options.json, report=options.report)
        return mic.run(config, wish)
    except ConfigError:
        raise
    except SatelliteError as error:
        # 1 says that the microphone is not well.
        _complain(str(error))
        return EXIT_MISTAKES


def _fetch_models(options: argparse.Namespace) -> int:
    from satellite import models

    directory = models.models_directory(_loader(options)().paths.models)

    def say(line: str) -> None:
        _print(f"{line}\n")

    models.fetch(options.fetch_models, directory, say)
    from satellite.detect import derived  # heavy, and not needed when the download fails

    derived.prepare(directory, say)
    return 0


def _check_config(options: argparse.Namespace) -> int:
    from satellite.config.writing import effective

    loaded = _checked(options)
    _print(f"# {loaded.file or 'no configuration file'}\n\n{effective(loaded.config, loaded.origins)}")
    return 0


def _example_config(options: argparse.Namespace) -> int:
    from satellite.config.writing import example, write_example

    if options.example_config == "-":
        _print(example())
    else:
        write_example(options.example_config)
    return 0


def _status(options: argparse.Namespace) -> int:
    return _ask(options, "status")


def _set(options: argparse.Namespace) -> int:
    from satellite.control.settings import split_pairs

    return _ask(options, "set", split_pairs(options.set))


def _listen(options: argparse.Namespace) -> int:
    return _ask(options, "set", {"listen": "now"})


def _ask(options: argparse.Namespace, verb: str, settings: dict[str, str] | None = None) -> int:
    import json

    from satellite.control.client import request
    from satellite.control.page import status_page
    from satellite.core.places import find_control_path

    answer = request(find_control_path(_loader(options)().paths.control), verb, settings)
    _print(json.dumps(answer, indent=2) + "\n" if options.json else status_page(answer))
    return 0


def _test_speaker(options: argparse.Namespace) -> int:
    config = _loader(options)()  # before the import, which takes its time
    from satellite.diagnostics import speaker

    asked = any(key == "microphone.device" for _, key, _ in options.settings)
    seconds = speaker.DEFAULT_S if options.seconds is None else options.seconds
    return speaker.run(config, microphone_asked=asked, seconds=seconds, as_json=options.json)


def _version(_options: argparse.Namespace) -> int:
    _print(f"satellite {__version__}\n")
    return 0


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "demo": _demo,
    "list_devices": _list_devices,
    "test_mic": _test_mic,
    "test_speaker": _test_speaker,
    "benchmark": _benchmark,
    "fetch_models": _fetch_models,
    "check_config": _check_config,
    "example_config": _example_config,
    "status": _status,
    "set": _set,
    "listen": _listen,
    "version": _version,
}

# Options that only some verbs take.
_EXTRAS = {
    "json": ("list_devices", "test_mic", "test_speaker", "benchmark", "status", "set"),
    "output": ("demo",),
    "file": ("test_mic",),
    "report": ("test_mic",),
    "seconds": ("test_mic", "test_speaker"),
}


# --- settings ---------------------------------------------------------------------------------------------------------


def _loader(options: argparse.Namespace) -> Callable[[], Config]:
    """Reads the configuration, anew at each call, always from the same places."""
    from satellite.config.loading import load
    from satellite.config.sources import TextSetting

    return partial(load, options.config, dict(os.environ), [TextSetting(*given) for given in options.settings])


def _checked(options: argparse.Namespace) -> Loaded:
    """The configuration, or every mistake in it: of form, and names that lead nowhere."""
    from satellite.app import check_names
    from satellite.config.loading import read
    from satellite.config.sources import TextSetting

    loaded = read(options.config, os.environ, [TextSetting(*given) for given in options.settings])
    mistakes = [*loaded.mistakes, *check_names(loaded.config, loaded.origins)]
    if mistakes:
        raise ConfigError(mistakes)
    return loaded
