from __future__ import annotations

from reference import GROUPS, PAGE, render

import satellite


def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: scripts/make-api-docs"


def test_every_name_is_in_the_reference() -> None:
    told = {name for names in GROUPS.values() for name in names}
    assert told == set(satellite.__all__) - {"DeviceError", "SatelliteError", "__version__", "errors"}
