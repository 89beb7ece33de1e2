from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from satellite.core.errors import ControlError
from satellite.core.places import (
    configuration_directory,
    control_path,
    expanded,
    find_control_path,
    home,
    state_directory,
    user_directory,
)

USER = {"HOME": "/home/pi", "XDG_RUNTIME_DIR": "/run/user/1000"}
SERVICE = {"HOME": "/nowhere", "STATE_DIRECTORY": "/var/lib/satellite:/other", "RUNTIME_DIRECTORY": "/run/satellite"}


def test_an_xdg_variable_counts_when_it_is_absolute() -> None:
    assert user_directory({"XDG_X": "/x", **USER}, "XDG_X", ".local/x") == Path("/x")
    assert user_directory({"XDG_X": "x", **USER}, "XDG_X", ".local/x") == Path("/home/pi/.local/x")
    assert user_directory(USER, "XDG_X", ".local/x") == Path("/home/pi/.local/x")


def test_without_home_in_the_environment_the_password_file_knows_it() -> None:
    assert home({}) == Path(pwd.getpwuid(os.getuid()).pw_dir)


def test_state_is_kept_where_configured_else_in_the_services_folder_else_in_the_users() -> None:
    assert state_directory("/a", SERVICE) == Path("/a")
    assert state_directory("~/a", USER) == Path("~/a").expanduser()
    assert state_directory("", SERVICE) == Path("/var/lib/satellite")
    assert state_directory("", USER) == Path("/home/pi/.local/state/satellite")
    assert state_directory("", {**USER, "XDG_STATE_HOME": "/s"}) == Path("/s/satellite")


def test_the_daemon_makes_its_socket_where_configured_else_in_the_services_folder_else_in_the_users() -> None:
    assert control_path("/a/b", SERVICE) == Path("/a/b")
    assert control_path("", SERVICE) == Path("/run/satellite/satellite.sock")
    assert control_path("", USER) == Path("/run/user/1000/satellite.sock")


def test_the_systems_configuration_is_in_the_services_folder_else_in_the_usual_one() -> None:
    assert configuration_directory({"CONFIGURATION_DIRECTORY": "/c/satellite:/d"}) == Path("/c/satellite")
    assert configuration_directory({}) == Path("/etc/satellite")


def test_a_user_without_a_runtime_folder_still_has_a_place_for_the_socket() -> None:
    path = control_path("", {"HOME": "/home/pi"})
    if os.getuid() == 0:
        assert path == Path("/run/satellite/satellite.sock")
    else:
        assert path == Path("/home/pi/.local/state/satellite/satellite.sock")


def test_the_socket_is_found_in_the_first_place_that_has_one(tmp_path: Path) -> None:
    environment = {"RUNTIME_DIRECTORY": str(tmp_path / "none"), "XDG_RUNTIME_DIR": str(tmp_path)}
    (tmp_path / "satellite.sock").touch()
    assert find_control_path("", environment) == tmp_path / "satellite.sock"


def test_where_there_is_no_socket_the_own_place_is_named(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_control_path(str(tmp_path / "x"), environment) == tmp_path / "x"


def test_a_path_too_long_for_a_socket_is_refused_with_what_to_do() -> None:
    fits = "/" + "x" * 106
    assert control_path(fits, {}) == Path(fits)
    with pytest.raises(
        ControlError, match=r"is too long for a socket \(108 bytes, at most 107\); set paths.control to a"
    ):
        control_path(fits + "x", {})
    with pytest.raises(ControlError, match=r"\(109 bytes"):
        find_control_path("/" + "ü" * 54, {})


def test_a_user_who_does_not_exist_is_a_path_that_is_not_found() -> None:
    path = expanded("~nosuchuser/x.wav")
    assert str(path) == "~nosuchuser/x.wav"
    assert not path.exists()
