"""Satellite: the ears and voice of Home Assistant, and of your own programs.

The library's names are imported when they are used: `import satellite` alone costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satellite.codec.frames import AudioFrame
    from satellite.codec.stream import AudioStreamDecoder
    from satellite.core import errors
    from satellite.core.errors import DeviceError, SatelliteError
    from satellite.dsp.echo import EchoStatistics
    from satellite.library.async_microphone import AsyncMicrophone
    from satellite.library.async_speaker import AsyncSpeaker
    from satellite.library.chunks import Chunk
    from satellite.library.cutting import Utterance
    from satellite.library.devices import DeviceInfo, OutputDeviceInfo, input_devices, output_devices
    from satellite.library.file import Analysis, File, SaveReport
    from satellite.library.media import open_input, open_output
    from satellite.library.microphone import Microphone
    from satellite.library.options import InputOptions, OutputOptions, VadOptions
    from satellite.library.preprocessor import Preprocessor
    from satellite.library.recording import async_record_to_file, record_to_file
    from satellite.library.speaker import Speaker
    from satellite.library.track import Track
    from satellite.library.utterances import Utterances, utterances
    from satellite.library.versions import VersionInfo, version

__version__ = "0.1.0"

_LIBRARY = "satellite.library"
_PLACES = {
    "Analysis": f"{_LIBRARY}.file",
    "AsyncMicrophone": f"{_LIBRARY}.async_microphone",
    "AsyncSpeaker": f"{_LIBRARY}.async_speaker",
    "AudioFrame": "satellite.codec.frames",
    "AudioStreamDecoder": "satellite.codec.stream",
    "Chunk": f"{_LIBRARY}.chunks",
    "DeviceError": "satellite.core.errors",
    "DeviceInfo": f"{_LIBRARY}.devices",
    "EchoStatistics": "satellite.dsp.echo",
    "File": f"{_LIBRARY}.file",
    "InputOptions": f"{_LIBRARY}.options",
    "Microphone": f"{_LIBRARY}.microphone",
    "OutputDeviceInfo": f"{_LIBRARY}.devices",
    "OutputOptions": f"{_LIBRARY}.options",
    "Preprocessor": f"{_LIBRARY}.preprocessor",
    "SatelliteError": "satellite.core.errors",
    "SaveReport": f"{_LIBRARY}.file",
    "Speaker": f"{_LIBRARY}.speaker",
    "Track": f"{_LIBRARY}.track",
    "Utterance": f"{_LIBRARY}.cutting",
    "Utterances": f"{_LIBRARY}.utterances",
    "VadOptions": f"{_LIBRARY}.options",
    "VersionInfo": f"{_LIBRARY}.versions",
    "async_record_to_file": f"{_LIBRARY}.recording",
    "input_devices": f"{_LIBRARY}.devices",
    "open_input": f"{_LIBRARY}.media",
    "open_output": f"{_LIBRARY}.media",
    "output_devices": f"{_LIBRARY}.devices",
    "record_to_file": f"{_LIBRARY}.recording",
    "utterances": f"{_LIBRARY}.utterances",
    "version": f"{_LIBRARY}.versions",
}
__all__ = [
    "Analysis",
    "AsyncMicrophone",
    "AsyncSpeaker",
    "AudioFrame",
    "AudioStreamDecoder",
    "Chunk",
    "DeviceError",
    "DeviceInfo",
    "EchoStatistics",
    "File",
    "InputOptions",
    "Microphone",
    "OutputDeviceInfo",
    "OutputOptions",
    "Preprocessor",
    "SatelliteError",
    "SaveReport",
    "Speaker",
    "Track",
    "Utterance",
    "Utterances",
    "VadOptions",
    "VersionInfo",
    "__version__",
    "async_record_to_file",
    "errors",
    "input_devices",
    "open_input",
    "open_output",
    "output_devices",
    "record_to_file",
    "utterances",
    "version",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "errors":
        return import_module("satellite.core.errors")
    if name not in _PLACES:
        raise AttributeError(f"module 'satellite' has no attribute {name!r}")
    try:
        return getattr(import_module(_PLACES[name]), name)
    except ModuleNotFoundError as error:
        raise ImportError(f"{error.name} is not installed. Install with: pip install satellite") from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
