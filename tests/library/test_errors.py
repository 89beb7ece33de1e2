"""The tree of errors."""

from __future__ import annotations

import inspect
import re

from satellite.core import errors


def drawn() -> dict[str, str]:
    """Class to parent, as the module's docstring draws it."""
    parents, above = {}, ["SatelliteError"]
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│├└─ ]+)([A-Z]\w+)", line)
        if match:
            depth = len(match[1]) // 4
            parents[match[2]] = above[depth - 1]
            above[depth:] = [match[2]]
    return parents


def test_the_drawing_is_the_tree() -> None:
    classes = [
        each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.SatelliteError)
    ]
    assert drawn() == {
        each.__name__: each.__bases__[0].__name__ for each in classes if each is not errors.SatelliteError
    }


def test_groups_have_parents() -> None:
    assert issubclass(errors.DeviceDenied, errors.DeviceError)
    assert issubclass(errors.ModelDamaged, errors.ModelError)
    assert issubclass(errors.RateOutOfRange, errors.ArgumentError)
    assert issubclass(errors.ReadTimedOut, errors.StreamError)
