"""The page of a microphone test."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from diagnostics.made import recording, spoken
from signals import clipped, silence
from speech import model

from satellite.config import Config, WakeWordConfig
from satellite.core.audio import Int16
from satellite.diagnostics.examination import Examination
from satellite.diagnostics.mic import examine
from satellite.diagnostics.report import render

VOID = {"meta", "line", "polyline", "polygon", "rect", "image", "br"}


class Page(HTMLParser):
    """Sees that everything opened is closed, and collects what there is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def classes(self, tag: str) -> list[str | None]:
        return [attributes.get("class") for name, attributes in self.tags if name == tag]


@cache
def examined(*names: str) -> Examination:
    model("silero_vad")
    model("hey_jarvis")
    model("alexa")
    words = (WakeWordConfig("hey_jarvis"), WakeWordConfig("alexa", threshold=0.7))
    sounds = {"spoken": spoken(), "clipped": clipped(spoken(), 22), "dead": np.zeros(len(spoken()), np.int16)}
    return examine(recording(*(sounds[name] for name in names)), Config(wake_word=words))


def test_every_curve_is_there_with_its_threshold() -> None:
    page = Page(render(examined("spoken")))
    assert page.open == []
    assert page.classes("polygon") == ["wave"]
    assert page.classes("polyline") == ["loud", "said", "w0", "w1"]
    levels = [kind for kind in page.classes("line") if kind and kind.startswith("level")]
    assert levels == ["level voice", "level noise", "level limit", "level w0", "level w1"]
    text = " ".join(page.words)
    for words in (
        "The microphone is healthy",
        "Waveform",
        "dBFS",
        "Spectrogram",
        "kHz",
        "Speech",
        "threshold 0.5",
        "threshold 0.7",
        "Hey Jarvis, best ",
        "Alexa, best ",
        "Over time, in seconds",
    ):
        assert words in text
    (picture,) = [attributes for name, attributes in page.tags if name == "image"]
    assert str(picture["href"]).startswith("data:image/png;base64,")


def test_findings_and_channels_are_told() -> None:
    text = " ".join(Page(render(examined("clipped", "dead"))).words)
    assert "2 problems found" in text
    assert "it clips" in text
    assert "lower the capture volume of card USB" in text
    assert "channel 1 is dead" in text
    assert "Channels" in text


def test_what_was_asked_for_when_is_shaded_and_named() -> None:
    result = examined("spoken")
    spans = {"quiet": (0.0, 1.0), "speech": (1.0, 2.0), "wake word": (2.0, 4.0)}
    page = Page(render(replace(result, recording=replace(result.recording, spans=spans))))
    assert page.classes("rect")[:3] == ["asked a", "asked b", "asked c"]
    assert [str(attributes["style"]) for name, attributes in page.tags if name == "em"] == [
        "left:0.0%",
        "left:21.8%",
        "left:43.5%",
    ]
    assert "quiet" in page.words
    assert "wake word" in page.words


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = render(examined("clipped", "dead"))
    assert "//" not in text.replace("data:image", "").partition("<body>")[0]
    assert not re.search(r"https?:|<script|<link|<iframe|@import|url\(|\son\w+=", text)
    assert "default-src 'none'" in text
    for name, attributes in Page(text).tags:
        for attribute in ("src", "href"):
            value = attributes.get(attribute)
            assert value is None or value.startswith("data:"), (name, value)


def test_it_is_small_however_long_the_sound_is() -> None:
    long: Int16 = np.tile(spoken(), 8)
    model("silero_vad")
    text = render(examine(recording(long), Config()))
    assert len(text) < 400_000


def test_texts_from_outside_are_escaped() -> None:
    result = examined("spoken")
    evil = "<script>alert(1)</script>&\"'"
    stream = replace(result.recording.stream, description=evil)
    finding = replace(examined("clipped", "dead").findings[0], text=evil, advice=evil)
    words = tuple(replace(word, phrase=evil) for word in result.figures.wake_words)
    text = render(
        replace(
            result,
            recording=replace(result.recording, stream=stream),
            findings=(finding,),
            figures=replace(result.figures, wake_words=words),
            notes=(evil,),
        )
    )
    assert "<script" not in text
    assert Page(text).open == []


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.2, 1.3])
def test_hardly_any_sound_is_drawn_too(seconds: float) -> None:
    model("silero_vad")
    assert Page(render(examine(recording(silence(seconds)), Config()))).open == []


def test_without_models_it_draws_what_is_left_and_says_why() -> None:
    config = Config()
    result = examine(recording(spoken()), replace(config, paths=replace(config.paths, models="/none")))
    page = Page(render(result))
    assert page.classes("polyline") == ["loud"]
    assert "no wake-word scores: " in " ".join(page.words)
    assert result.figures.speech_dbfs is not None
