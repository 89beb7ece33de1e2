"""Everything that can go wrong, one class per cause.

SatelliteError
├── ConfigError             the configuration is wrong; carries every mistake found
├── ModelError              a model file is missing, damaged or not what it should be
│   ├── ModelNotFound
│   ├── ModelDamaged
│   ├── ModelFetchFailed
│   └── EngineMissing       what runs such models is not installed, or cannot be on this system
├── DeviceError             a microphone or speaker
│   ├── DeviceNotFound
│   │   ├── DeviceIndexUnknown
│   │   ├── NoDevices       there is no microphone, or no speaker, at all
│   │   └── WrongDirection  a speaker was named as a microphone, or the other way round
│   ├── DeviceListingFailed
│   ├── DeviceAmbiguous     several devices match the name; the text lists them
│   ├── DeviceBusy
│   ├── DeviceDenied
│   ├── DeviceUnsupported   it cannot do any format we can convert
│   └── DeviceLost          it was there and went away, stopped delivering, or failed
├── ArgumentError           the library was given what it cannot take; a ValueError, too
│   ├── RateOutOfRange
│   ├── ChannelsOutOfRange
│   ├── ChunkSizeOutOfRange
│   ├── SampleTypeUnknown
│   ├── SamplesUnfit        a TypeError, too
│   ├── VadUnknown
│   ├── ThresholdOutOfRange
│   └── SettingOutOfRange
├── StreamError             the library was called at the wrong time, or in the wrong place
│   ├── AlreadyRunning
│   ├── NotRunning
│   ├── ReadTimedOut        a TimeoutError, too
│   ├── Overflow            more undecoded bytes wait than a decoder holds
│   ├── InputEnded
│   └── ForkedProcess
├── EchoFailed              a library for the echo does not do its work; sound goes on without it
├── AudioFormatError        sound data that cannot be understood
│   └── CodecMissing        it could be with the extra [codecs], which is not installed
├── ProtocolError           the peer broke the wire format
├── ServerError             the network: port taken, address not ours
├── ControlError            the running daemon could not be asked
├── StateError              what should persist could not be read or written
└── IllegalEvent            an event that cannot happen in this state: our own bug
"""

from __future__ import annotations

from collections.abc import Sequence


class SatelliteError(Exception):
    """Base of every error this package raises on purpose. Its text is one line for a person."""


class ConfigError(SatelliteError):
    """The configuration is wrong.

    Args:
        mistakes: one line each, with file, key and what is allowed.
    """

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class ModelError(SatelliteError):
    """A model file cannot be used."""


class ModelNotFound(ModelError):
    """No such model in the manifest, or its file is not on this machine."""


class ModelDamaged(ModelError):
    """The file's hash, size or input shape is not the expected one."""


class ModelFetchFailed(ModelError):
    """The download did not give the file."""


class EngineMissing(ModelError):
    """What runs models of this kind is not installed, or cannot be on this system."""


class DeviceError(SatelliteError):
    """A microphone or speaker cannot be used."""


class DeviceNotFound(DeviceError):
    """No device of that name."""


class DeviceIndexUnknown(DeviceNotFound):
    """No device has this number."""


class NoDevices(DeviceNotFound):
    """There is no microphone, or no speaker, at all."""


class WrongDirection(DeviceNotFound):
    """The name is a speaker's where a microphone is wanted, or the other way round."""


class DeviceListingFailed(DeviceError):
    """ALSA cannot tell which devices there are."""


class DeviceAmbiguous(DeviceError):
    """Several devices match the name; the text lists them."""


class DeviceBusy(DeviceError):
    """Another program holds the device."""


class DeviceDenied(DeviceError):
    """This user may not open the device."""


class DeviceUnsupported(DeviceError):
    """The device offers no format that we can convert."""


class DeviceLost(DeviceError):
    """The device went away, stopped delivering, or failed while open."""


class ArgumentError(SatelliteError, ValueError):
    """The library was given what it cannot take. The text names the argument and what is allowed."""


class RateOutOfRange(ArgumentError):
    """No such sample rate."""


class ChannelsOutOfRange(ArgumentError):
    """No such number of channels."""


class ChunkSizeOutOfRange(ArgumentError):
    """Chunks cannot have so many frames."""


class SampleTypeUnknown(ArgumentError):
    """Samples are int16 or float32."""


class SamplesUnfit(ArgumentError, TypeError):
    """The samples have another type or shape than was agreed."""


class VadUnknown(ArgumentError):
    """There is no such speech detector."""


class ThresholdOutOfRange(ArgumentError):
    """A speech threshold lies between 0 and 1."""


class SettingOutOfRange(ArgumentError):
    """Another argument is out of range."""


class StreamError(SatelliteError):
    """The library was called at the wrong time, or in the wrong place."""


class AlreadyRunning(StreamError):
    """It was started before, and not stopped since."""


class NotRunning(StreamError):
    """It was not started."""


class ReadTimedOut(StreamError, TimeoutError):
    """No chunk came in time; the stream goes on."""


class ForkedProcess(StreamError):
    """It was opened before a fork, in another process: its thread and its device are not here."""


class Overflow(StreamError):
    """More undecoded bytes would wait than a decoder holds: read what it has decoded, then push again."""


class InputEnded(StreamError):
    """Bytes came after the end of the input."""


class EchoFailed(SatelliteError):
    """A library that takes the echo out does not do it, or does harm."""


class AudioFormatError(SatelliteError):
    """Sound data that cannot be understood."""


class CodecMissing(AudioFormatError):
    """This format is decoded by the extra [codecs], which is not installed."""


class ProtocolError(SatelliteError):
    """The peer broke the wire format."""


class ServerError(SatelliteError):
    """We cannot serve: the port is taken, or the address is not ours."""


class ControlError(SatelliteError):
    """The running satellite could not be asked, or refused."""


class StateError(SatelliteError):
    """What should persist could not be read or written."""


class IllegalEvent(SatelliteError):
    """An event that cannot happen in this state. A bug of ours, never the user's."""
