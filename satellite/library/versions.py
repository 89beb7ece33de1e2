"""Which versions are at work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """Attributes: satellite: of this package; audio_backend: alsa-lib; binding: what binds Python to it."""

    satellite: str
    audio_backend: str
    binding: str


def version() -> VersionInfo:
    """The versions of the three parts."""
    from importlib.metadata import version as installed

    from satellite import __version__
    from satellite.device.alsa import library_version

    return VersionInfo(__version__, f"alsa-lib {library_version()}", f"pyalsaaudio {installed('pyalsaaudio')}")
