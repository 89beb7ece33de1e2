from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.core.errors import StateError
from satellite.state import State


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def saved(directory: Path) -> State:
    state = State(directory)
    state.volume, state.muted, state.thresholds = 60, True, {"alexa": 0.6}
    state.save()
    return state


def test_a_new_satellite_gets_an_identity_and_nothing_else(tmp_path: Path) -> None:
    state = State(tmp_path / "deep/er")
    assert len(bytes.fromhex(state.identity)) == 6
    assert (state.volume, state.muted, dict(state.thresholds)) == (None, False, {})
    assert [file.name for file in (tmp_path / "deep/er").iterdir()] == ["identity"]


def test_two_satellites_have_different_identities(tmp_path: Path) -> None:
    assert State(tmp_path / "a").identity != State(tmp_path / "b").identity


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    before, after = saved(tmp_path), State(tmp_path)
    assert (after.identity, after.volume, after.muted) == (before.identity, 60, True)
    assert after.thresholds == {"alexa": 0.6}


def test_the_sensitivity_is_there_after_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = State(tmp_path)
    assert state.sensitivity is None
    state.sensitivity = "high"
    state.save()
    assert State(tmp_path).sensitivity == "high"
    assert not caplog.records


@pytest.mark.parametrize("damaged", ["loud", 7, ["high"], True])
def test_a_damaged_sensitivity_is_none(tmp_path: Path, damaged: object) -> None:
    identity = saved(tmp_path).identity
    (tmp_path / "state.json").write_text(json.dumps({"identity": identity, "sensitivity": damaged}))
    assert State(tmp_path).sensitivity is None


@given(st.none() | st.integers(0, 100), st.booleans(), st.dictionaries(st.text(), st.floats(0.01, 1.0)))
def test_everything_that_can_be_set_survives(
    tmp_path_factory: pytest.TempPathFactory, volume: int | None, muted: bool, thresholds: dict[str, float]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "state"
    state = State(folder)
    state.volume, state.muted, state.thresholds = volume, muted, thresholds
    state.save()
    again = State(folder)
    assert (again.identity, again.volume, again.muted) == (state.identity, volume, muted)
    assert again.thresholds == thresholds


def test_the_files_are_for_the_owner_only_and_nothing_else_is_left(tmp_path: Path) -> None:
    saved(tmp_path / "state")
    assert mode(tmp_path / "state") == 0o700
    assert {file.name: mode(file) for file in (tmp_path / "state").iterdir()} == {
        "identity": 0o600,
        "state.json": 0o600,
    }


@pytest.mark.parametrize(
    "damage",
    [
        b"\x00" * 100,
        b"{",
        b"[1, 2]",
        b"[" * 100_000,
        b"\xff\xfe garbage",
        b"null",
        b'{"volume": 300}',
        b'{"identity": "0123456789ab", "volume": true, "muted": "yes", "thresholds": [1]}',
    ],
)
def test_a_damaged_file_is_kept_aside_and_costs_the_settings_but_never_the_identity(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    identity = saved(tmp_path).identity
    (tmp_path / "state.json").write_bytes(damage)
    state = State(tmp_path)
    assert state.identity == identity
    assert (state.volume, state.muted, dict(state.thresholds)) == (None, False, {})
    assert (tmp_path / "state.json.broken").read_bytes() == damage
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    state.save()
    caplog.clear()
    assert State(tmp_path).identity == identity
    assert not caplog.records


def test_what_can_be_understood_of_a_damaged_file_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    identity = saved(tmp_path).identity
    content = {"identity": identity, "volume": 101, "muted": True, "thresholds": {"a": 0.5, "b": 7, "c": True}}
    (tmp_path / "state.json").write_text(json.dumps(content))
    state = State(tmp_path)
    assert (state.volume, state.muted, state.thresholds) == (None, True, {"a": 0.5})
    assert "what could not be read has its default" in caplog.text


@pytest.mark.parametrize("damaged", [7, "1" * 65])
def test_a_trusted_server_that_is_no_address_is_none(tmp_path: Path, damaged: object) -> None:
    identity = saved(tmp_path).identity
    (tmp_path / "state.json").write_text(json.dumps({"identity": identity, "trusted": damaged}))
    assert State(tmp_path).trusted == ""
    state = State(tmp_path)
    state.trusted = "192.0.2.7"
    state.save()
    assert State(tmp_path).trusted == "192.0.2.7"


def test_an_empty_file_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved(tmp_path)
    (tmp_path / "state.json").write_bytes(b"")
    assert State(tmp_path).volume is None
    assert not caplog.records


def test_settings_of_a_later_version_are_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    identity = saved(tmp_path).identity
    (tmp_path / "state.json").write_text(json.dumps({"identity": identity, "volume": 5, "timers": []}))
    assert State(tmp_path).volume == 5
    assert not caplog.records


@pytest.mark.parametrize("damage", [None, b"", b"\x00" * 13, b"0123456789AB", b"0123456789abc"])
def test_a_lost_identity_is_taken_from_its_copy(tmp_path: Path, damage: bytes | None) -> None:
    identity = saved(tmp_path).identity
    if damage is None:
        (tmp_path / "identity").unlink()
    else:
        (tmp_path / "identity").write_bytes(damage)
    assert State(tmp_path).identity == identity
    (tmp_path / "state.json").unlink()
    assert State(tmp_path).identity == identity


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_whatever_the_files_hold_there_is_an_identity_that_stays(
    tmp_path_factory: pytest.TempPathFactory, identity: bytes, settings: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    (folder / "identity").write_bytes(identity)
    (folder / "state.json").write_bytes(settings)
    assert State(folder).identity == State(folder).identity


def test_a_left_over_of_an_interrupted_save_does_no_harm(tmp_path: Path) -> None:
    state = saved(tmp_path)
    (tmp_path / "state.json.new").write_bytes(b"x" * 10_000)
    (tmp_path / "state.json.new").chmod(0o644)
    state.save()
    assert State(tmp_path).volume == 60
    assert mode(tmp_path / "state.json") == 0o600


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError) as wrong:
        State(tmp_path / "file/state")
    assert str(wrong.value) == (
        f"cannot make the folder {tmp_path}/file/state: Not a directory; "
        "let this user read and write there, or set paths.state to another folder"
    )


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(
        StateError, match=r"cannot read .*/state.json: Is a directory; let this user read and write there"
    ):
        State(tmp_path)


def test_a_save_that_fails_leaves_what_was_saved_before_and_the_next_one_saves_all(tmp_path: Path) -> None:
    state = saved(tmp_path)
    (tmp_path / "state.json.new").mkdir()
    state.volume = 10
    with pytest.raises(StateError, match="cannot write"):
        state.save()
    assert State(tmp_path).volume == 60
    (tmp_path / "state.json.new").rmdir()
    state.save()
    assert State(tmp_path).volume == 10


def test_a_save_follows_no_link_that_another_put_there(tmp_path: Path) -> None:
    state = saved(tmp_path / "state")
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "state/state.json.new").symlink_to(tmp_path / "victim")
    with pytest.raises(StateError):
        state.save()
    assert (tmp_path / "victim").read_text() == "precious"


NO_ROOM = """
import pathlib, resource, signal, sys
from satellite.core.errors import StateError
from satellite.state import State

state = State(pathlib.Path(sys.argv[1]))
state.volume = 10
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))
try:
    state.save()
except StateError as error:
    print(error)
"""


def test_a_write_that_breaks_off_in_the_middle_is_an_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    saved(tmp_path)
    child = subprocess.run(
        [sys.executable, "-c", NO_ROOM, str(tmp_path)], capture_output=True, text=True, check=True, timeout=30
    )
    assert child.stdout.startswith(f"cannot write {tmp_path}/state.json: File too large; ")
    assert State(tmp_path).volume == 60


def test_a_full_disk_says_to_make_room() -> None:
    from satellite.state import _failure

    assert "free some space" in str(_failure("write", Path("/x"), OSError(28, os.strerror(28))))
