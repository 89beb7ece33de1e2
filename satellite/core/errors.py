"""Everything that can go wrong, one class per cause.

SatelliteError
├── ConfigError             the configuration is wrong; carries every mistake found
├── ModelError              a model file is missing, damaged or not what it should be
│   ├── ModelNotFound
│   ├── ModelDamaged
│   └── ModelFetchFailed
├── DeviceError             a microphone or speaker
│   ├── DeviceNotFound
│   ├── DeviceAmbiguous     several devices match the name; the text lists them
│   ├── DeviceBusy
│   ├── DeviceDenied
│   ├── DeviceUnsupported   it cannot do any format we can convert
│   └── DeviceLost          it was there and went away, stopped delivering, or failed
├── AudioFormatError        sound data that cannot be understood
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


class DeviceError(SatelliteError):
    """A microphone or speaker cannot be used."""


class DeviceNotFound(DeviceError):
    """No device of that name."""


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


class AudioFormatError(SatelliteError):
    """Sound data that cannot be understood."""


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
