from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.config import Config, MicrophoneConfig, ServerConfig, SpeakerConfig, WakeWordConfig
from satellite.config.loading import load, read
from satellite.config.sources import FILE_LIMIT_BYTES, TextSetting, variables
from satellite.core.errors import ConfigError


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment without a file, of the user's or the system's."""
    return {"HOME": str(tmp_path / "home"), "CONFIGURATION_DIRECTORY": str(tmp_path / "etc")}


def write(folder: Path, text: str | bytes) -> str:
    file = folder / "satellite.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(file)


def mistakes(
    path: str | None, environment: Mapping[str, str] | None = None, options: Sequence[TextSetting] = ()
) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        load(path, environment or {}, options)
    return [mistake.replace(f"{path}", "FILE") for mistake in wrong.value.mistakes]


# --- where settings come from -----------------------------------------------------------------------------------------


def test_without_file_variables_and_options_all_is_default(home: dict[str, str]) -> None:
    loaded = read(None, home)
    assert (loaded.config, loaded.file, loaded.origins, loaded.mistakes) == (Config(), "", {}, ())


def test_the_file_is_overruled_by_variables_and_they_by_options(tmp_path: Path) -> None:
    path = write(tmp_path, '[speaker]\nvolume = 10\nrate_hz = 16_000\ndevice = "a"')
    environment = {
        "SATELLITE_SPEAKER_VOLUME": "20",
        "SATELLITE_SPEAKER_DEVICE": "b",
        "HOME": "/x",
        "SATELLITE_NAME": "Den",
    }
    loaded = read(path, environment, [TextSetting("--volume", "speaker.volume", "30")])
    assert loaded.config.speaker == SpeakerConfig(device="b", rate_hz=16_000, volume=30)
    assert loaded.config.satellite.name == "Den"
    assert loaded.mistakes == ()
    assert loaded.origins == {
        "speaker.volume": "--volume",
        "speaker.rate_hz": f"{path}:3",
        "speaker.device": "SATELLITE_SPEAKER_DEVICE",
        "satellite.name": "SATELLITE_NAME",
    }


def test_the_users_file_is_found_by_xdg_then_in_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / "home/.config/satellite").mkdir(parents=True)
    (tmp_path / "xdg/satellite").mkdir(parents=True)
    in_home = write(tmp_path / "home/.config/satellite", "[server]\nport = 1")
    in_xdg = write(tmp_path / "xdg/satellite", "[server]\nport = 2")
    environment = {"HOME": str(tmp_path / "home")}
    assert read(None, environment).file == in_home
    assert read(None, {**environment, "XDG_CONFIG_HOME": "relative"}).file == in_home
    assert read(None, {**environment, "XDG_CONFIG_HOME": str(tmp_path / "xdg")}).file == in_xdg


def test_the_systems_file_is_read_where_the_user_has_none(tmp_path: Path, home: dict[str, str]) -> None:
    (tmp_path / "etc").mkdir()
    in_etc = write(tmp_path / "etc", "[server]\nport = 3")
    assert (read(None, home).file, read(None, home).config.server.port) == (in_etc, 3)


def test_each_call_reads_the_file_anew(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nport = 1")
    assert load(path, {}).server.port == 1
    write(tmp_path, "[server]\nport = 2")
    assert load(path, {}).server.port == 2


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    assert load(write(tmp_path, b"\xef\xbb\xbf[server]\r\nport = 5\r\n"), {}).server == ServerConfig(port=5)


def test_a_whole_number_will_do_where_a_fraction_may_stand(tmp_path: Path) -> None:
    gain = load(write(tmp_path, "[microphone]\ngain_db = 6"), {}).microphone.gain_db
    assert gain == 6.0
    assert isinstance(gain, float)


def test_an_empty_variable_counts_as_not_given(home: dict[str, str]) -> None:
    assert load(None, {**home, "SATELLITE_SERVER_PORT": "", "SATELLITE_WAKE_WORDS": ""}) == Config()


def test_lists_are_given_with_commas_in_a_variable(home: dict[str, str]) -> None:
    config = load(None, {**home, "SATELLITE_SERVER_ALLOW": "10.0.0.0/8, fd00::1"})
    assert config.server.allow == ("10.0.0.0/8", "fd00::1")


def test_every_setting_outside_of_the_wake_words_has_a_variable() -> None:
    assert variables()["SATELLITE_MICROPHONE_GAIN_DB"] == "microphone.gain_db"
    assert variables()["SATELLITE_AREA"] == "satellite.area"
    assert variables()["SATELLITE_WAKE_WORDS"] == "wake_word"
    assert len(set(variables().values())) == len(variables())


# --- wake words -------------------------------------------------------------------------------------------------------

TWO_WORDS = """
[[wake_word]]
model = "alexa"
threshold = 0.7
[[wake_word]]
model = "my/own.onnx"
phrase = "computer"
"""


def test_each_table_is_a_wake_word(tmp_path: Path) -> None:
    assert load(write(tmp_path, TWO_WORDS), {}).wake_word == (
        WakeWordConfig(model="alexa", threshold=0.7),
        WakeWordConfig(model="my/own.onnx", phrase="computer"),
    )


@pytest.mark.parametrize("given_by", ["variable", "options"])
def test_named_wake_words_are_the_only_ones_and_keep_what_the_file_says_of_them(tmp_path: Path, given_by: str) -> None:
    path = write(tmp_path, TWO_WORDS)
    names = ["hey_jarvis", "alexa"]
    if given_by == "variable":
        config = load(path, {"SATELLITE_WAKE_WORDS": ",".join(names)})
    else:
        config = load(path, {}, [TextSetting("--wake-word", "wake_word", name) for name in names])
    assert config.wake_word == (WakeWordConfig(model="hey_jarvis"), WakeWordConfig(model="alexa", threshold=0.7))


def test_wake_words_of_options_overrule_those_of_the_variable(home: dict[str, str]) -> None:
    environment = {**home, "SATELLITE_WAKE_WORDS": "alexa"}
    config = load(None, environment, [TextSetting("--wake-word", "wake_word", "hey_mycroft")])
    assert [word.model for word in config.wake_word] == ["hey_mycroft"]


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[microphnoe]", "FILE:1: [microphnoe] is not a table of the configuration; did you mean [microphone]?"),
        ("[wake_words]", "FILE:1: [wake_words] is not a table of the configuration; did you mean [[wake_word]]?"),
        (
            '["qu\\"aint"]',
            (
                'FILE: ["qu\\"aint"] is not a table of the configuration; there are [satellite], '
                "[microphone], [speaker], [[wake_word]], [listening], [processing], [command], [server], [discovery], "
                "[sounds], [recordings], [hooks], [log], [paths]"
            ),
        ),
        ("port = 1", "FILE:1: port stands outside of any table; it belongs under [server]"),
        ("device = 1", "FILE:1: device stands outside of any table; it belongs under [microphone] or [speaker]"),
        ("nonsense = 1", "FILE:1: nonsense stands outside of any table"),
        ("server = 5", "FILE:1: server = 5: must be a table: [server]"),
        ("server = [1]", "FILE:1: server = [1]: must be a table: [server]"),
        ("[server]\n\nprot = 1", "FILE:3: server.prot is not a setting; did you mean server.port?"),
        ("server.prot = 1", "FILE:1: server.prot is not a setting; did you mean server.port?"),
        ("[server]\nvolume = 1", "FILE:2: server.volume is not a setting; it belongs under [speaker]"),
        ("[log]\nfile = 1", "FILE:2: log.file is not a setting; there are level, format"),
        ("[server]\nport = 65536", "FILE:2: server.port = 65536: must be a whole number from 0 to 65535"),
        ("[server]\nport = true", "FILE:2: server.port = true: must be a whole number from 0 to 65535"),
        ("[server.port]\nx = 1", "FILE:1: server.port = {x = 1}: must be a whole number from 0 to 65535"),
        ("[processing]\nhigh_pass_hz = 501", "FILE:2: processing.high_pass_hz = 501: must be a number from 0 to 500"),
        (
            "[processing]\nhigh_pass_hz = 0.5",
            "FILE:2: processing.high_pass_hz = 0.5: must be 0 (off) or a number from 1 to 500",
        ),
        ("[processing]\npeak_dbfs = 1", "FILE:2: processing.peak_dbfs = 1: must be a number from -60 to 0"),
        ("[processing]\ntarget_dbfs = -41", "FILE:2: processing.target_dbfs = -41: must be a number from -40 to -3"),
        (
            '[processing]\npeak_normalise = true\nagc = "slow"',
            (
                "FILE:2: processing.peak_normalise = true: "
                'not together with processing.agc = "slow", whose work it would undo'
            ),
        ),
        ("[microphone]\ngain_db = nan", "FILE:2: microphone.gain_db = nan: must be a number from -40 to 40"),
        ("[microphone]\ndevice = ''", 'FILE:2: microphone.device = "": must not be empty'),
        ('[discovery]\nenabled = "no"', 'FILE:2: discovery.enabled = "no": must be true or false'),
        (
            '[command]\nend_of_speech = "sever"',
            'FILE:2: command.end_of_speech = "sever": must be "local" or "server"; did you mean "server"?',
        ),
        ("[log]\nlevel = 2020-01-01", 'FILE:2: log.level = 2020-01-01: must be "debug", "info", "warning" or "error"'),
        ("[wake_word]\nmodel = 'a'", "FILE:1: each wake word is a table of its own, with two brackets: [[wake_word]]"),
        ("wake_word = 'a'", "FILE:1: each wake word is a table of its own, with two brackets: [[wake_word]]"),
        ("wake_word = ['a']", "FILE:1: each wake word is a table of its own, with two brackets: [[wake_word]]"),
        (
            "[[wake_word]]\nmodel='a'\n[[wake_word]]\nthreshold = -1",
            "FILE:4: wake_word.threshold = -1: must be a number from 0 to 1",
        ),
        # what does not agree
        ("wake_word = []", "FILE:1: wake_word = []: at least one [[wake_word]] is needed"),
        (
            "[[wake_word]]\nmodel='a'\n[[wake_word]]\nmodel='b'\n[[wake_word]]\nmodel='a'",
            'FILE:6: wake word "a" is given 2 times; once is enough',
        ),
        ("[[wake_word]]\n[[wake_word]]", 'FILE:2: wake word "hey_jarvis" is given 2 times; once is enough'),
        (
            "[microphone]\nchannels = 2\nchannel = 2",
            "FILE:3: microphone.channel = 2: must be less than microphone.channels (2); they are counted from 0",
        ),
        ("[hooks]\nwake = 'lamp \"on'", 'FILE:2: hooks.wake = "lamp \\"on": not a command: no closing quotation'),
        ("[hooks]\nplayed = ' '", 'FILE:2: hooks.played = " ": not a command: it names no program'),
        (
            '[listening]\nmode = "service"',
            'FILE:2: listening.wake_uri: mode = "service" needs it, and it must say where, as "tcp://192.168.1.5:10400"',
        ),
        (
            '[listening]\nmode = "service"\nwake_uri = "udp://x:1"',
            (
                'FILE:3: listening.wake_uri: mode = "service" needs it, and "udp://x:1" is not an address of it, as '
                '"tcp://192.168.1.5:10400"'
            ),
        ),
        (
            '[listening]\nwake_uri = "tcp://x:1"',
            'FILE:2: listening.wake_uri = "tcp://x:1": counts only with listening.mode = "service"',
        ),
        (
            "[command]\nmin_speech_ms = 2000\nmax_s = 2",
            "FILE:2: command.min_speech_ms = 2000: must be less than command.max_s (2 s)",
        ),
        ("[speaker]\nperiod_ms = 60", "FILE:2: speaker.buffer_ms = 100: must hold two periods of 60 ms"),
        (
            "[server]\nallow = ['192.168.1.20/24']",
            'FILE:2: server.allow: "192.168.1.20/24" is not an address or network; did you mean 192.168.1.0/24?',
        ),
        (
            "[server]\nallow = ['10.0.0.0/8', 'my-pc']",
            'FILE:2: server.allow: "my-pc" is not an address or network, as "192.168.1.20" or "192.168.1.0/24"',
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_its_place_and_a_remedy(tmp_path: Path, text: str, mistake: str) -> None:
    assert mistakes(write(tmp_path, text)) == [mistake]


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"[server\nport = 1", "FILE:1: not valid TOML: Expected ']' at the end of a table declaration (column 8)"),
        (b"[server]\nport = 1\nport = 2\n", "FILE:3: not valid TOML: Cannot overwrite a value (column 9)"),
        (b"[server]\nport =", "FILE: not valid TOML: Invalid value (at end of document)"),
        (b"\x7fELF\x02\x01\x00\xff\xfe", "FILE:1: not UTF-8 text (byte 0xff)"),
        (b"# fine\n# M\xfcller", "FILE:2: not UTF-8 text (byte 0xfc)"),
        (b"\x00", "FILE:1: not valid TOML: Invalid statement (column 1)"),
        (b"x = " + b"[" * 100_000, "FILE: not valid TOML: nested too deeply"),
        (b"#" * (FILE_LIMIT_BYTES + 1), "FILE: larger than 1 MiB: surely not a configuration"),
    ],
)
def test_a_file_that_is_no_toml_is_one_clear_line(tmp_path: Path, content: bytes, mistake: str) -> None:
    assert mistakes(write(tmp_path, content)) == [mistake]


def test_a_number_too_long_for_python_is_one_clear_line(tmp_path: Path) -> None:
    (mistake,) = mistakes(write(tmp_path, "[server]\nport = " + "9" * 5000))
    assert mistake.startswith("FILE: not valid TOML: ")
    (mistake,) = mistakes(write(tmp_path, "[server]\nport = 0x" + "f" * 5000))
    assert mistake.endswith("...: must be a whole number from 0 to 65535")


def test_a_named_file_must_be_there_and_be_a_file(tmp_path: Path) -> None:
    assert mistakes(f"{tmp_path}/none.toml") == ["FILE: cannot be read: No such file or directory"]
    assert mistakes(str(tmp_path)) == ["FILE: cannot be read: Is a directory"]
    assert mistakes(f"{write(tmp_path, '')}/x") == ["FILE: cannot be read: Not a directory"]


def test_a_usual_file_that_cannot_be_read_is_said_not_skipped(tmp_path: Path) -> None:
    loop = tmp_path / "satellite/satellite.toml"
    loop.parent.mkdir()
    loop.symlink_to(loop)
    (mistake,) = mistakes(None, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert mistake == f"{loop}: cannot be read: Too many levels of symbolic links"


@pytest.mark.parametrize(
    ("variable", "text", "mistake"),
    [
        ("SATELLITE_SEVER_PORT", "1", "SATELLITE_SEVER_PORT: no such setting; did you mean SATELLITE_SERVER_PORT?"),
        ("SATELLITE_SATELLITE_NAME", "x", "SATELLITE_SATELLITE_NAME: no such setting"),
        ("SATELLITE_ZZZ", "", "SATELLITE_ZZZ: no such setting"),
        (
            "SATELLITE_SERVER_PORT",
            "http",
            'SATELLITE_SERVER_PORT: server.port = "http": must be a whole number from 0 to 65535',
        ),
        (
            "SATELLITE_SERVER_PORT",
            "70000",
            "SATELLITE_SERVER_PORT: server.port = 70000: must be a whole number from 0 to 65535",
        ),
        (
            "SATELLITE_COMMAND_MAX_S",
            "inf",
            "SATELLITE_COMMAND_MAX_S: command.max_s = inf: must be a number from 2 to 60",
        ),
        (
            "SATELLITE_DISCOVERY_ENABLED",
            "maybe",
            'SATELLITE_DISCOVERY_ENABLED: discovery.enabled = "maybe": must be true or false',
        ),
        (
            "SATELLITE_NAME",
            "\udcfc",
            'SATELLITE_NAME: satellite.name = "\\uDCFC": must be plain UTF-8 text without control characters',
        ),
        ("SATELLITE_WAKE_WORDS", "a,a", 'SATELLITE_WAKE_WORDS: wake word "a" is given 2 times; once is enough'),
        ("SATELLITE_WAKE_WORDS", " , ", 'SATELLITE_WAKE_WORDS: wake_word.model = "": must not be empty'),
        (
            "SATELLITE_WAKE_WORDS",
            "a\x1b",
            'SATELLITE_WAKE_WORDS: wake_word.model = "a\\u001b": must be plain UTF-8 text without control characters',
        ),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(
    home: dict[str, str], variable: str, text: str, mistake: str
) -> None:
    assert mistakes(None, {**home, variable: text}) == [mistake]


def test_a_mistake_in_an_option_names_the_option(home: dict[str, str]) -> None:
    options = [TextSetting("--volume", "speaker.volume", "101"), TextSetting("--wake-word", "wake_word", "")]
    assert mistakes(None, home, options) == [
        "--volume: speaker.volume = 101: must be a whole number from 0 to 100",
        '--wake-word: wake_word.model = "": must not be empty',
    ]


def test_all_mistakes_are_told_at_once_even_those_that_something_else_overrules(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nport = 'x'\nallow = ['y']\n[microphone]\nchannels = 0\nchannel = 9\n[zzz]\n")
    options = [TextSetting("--port", "server.port", "1"), TextSetting("--volume", "speaker.volume", "-1")]
    found = mistakes(path, {"SATELLITE_LOG_LEVEL": "loud"}, options)
    assert [mistake.split(" ")[0] for mistake in found] == [
        "FILE:2:",
        "FILE:5:",
        "FILE:7:",
        "SATELLITE_LOG_LEVEL:",
        "--volume:",
        "FILE:3:",
    ]


def test_what_is_right_is_in_force_beside_the_mistakes(tmp_path: Path) -> None:
    loaded = read(write(tmp_path, "[microphone]\nchannels = 0\nrate_hz = 48_000"), {})
    assert loaded.config.microphone == MicrophoneConfig(rate_hz=48_000)
    assert len(loaded.mistakes) == 1


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_file_can_do_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    loaded = read(write(tmp_path_factory.getbasetemp(), content), {})
    assert all(len(mistake.splitlines()) == 1 for mistake in loaded.mistakes)
