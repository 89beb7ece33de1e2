from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.config.schema import setting, settings
from satellite.config.values import Unfit, checked, expected, from_text


@dataclass(frozen=True)
class Sample:
    """One setting of each kind."""

    whole: int = setting(1, "A whole number.", low=-1, high=10)
    number: float = setting(1.0, "A number.", low=-1.0, high=10.5)
    switch: bool = setting(False, "A switch.")
    text: str = setting("", "A text.")
    filled: str = setting("x", "A text.", filled=True)
    choice: str = setting("red", "A colour.", choices=("red", "green", "blue"))
    texts: tuple[str, ...] = setting((), "Texts.")


FIELDS = settings(Sample)
WHOLE, NUMBER, LIST = "a whole number from -1 to 10", "a number from -1 to 10.5", 'a list of texts, as ["one", "two"]'


@pytest.mark.parametrize(
    ("key", "given", "value"),
    [
        ("whole", 10, 10),
        ("whole", -1, -1),
        ("number", 3, 3.0),
        ("number", 10.5, 10.5),
        ("switch", True, True),
        ("text", "", ""),
        ("text", "Küche \u00a0", "Küche \u00a0"),
        ("choice", "blue", "blue"),
        ("texts", ["a", "b"], ("a", "b")),
    ],
)
def test_a_fitting_value_comes_back_in_the_settings_own_type(key: str, given: object, value: object) -> None:
    fitting = checked(FIELDS[key], given)
    assert fitting == value
    assert type(fitting) is type(value)


@pytest.mark.parametrize(
    ("key", "given", "text"),
    [
        ("whole", True, f"must be {WHOLE}"),
        ("whole", 1.0, f"must be {WHOLE}"),
        ("whole", "1", f"must be {WHOLE}"),
        ("whole", 11, f"must be {WHOLE}"),
        ("whole", -(10**400), f"must be {WHOLE}"),
        ("number", False, f"must be {NUMBER}"),
        ("number", math.nan, f"must be {NUMBER}"),
        ("number", math.inf, f"must be {NUMBER}"),
        ("number", 10**400, f"must be {NUMBER}"),
        ("number", 10.500001, f"must be {NUMBER}"),
        ("number", "loud", f"must be {NUMBER}"),
        ("switch", 1, "must be true or false"),
        ("switch", "yes", "must be true or false"),
        ("text", 5, "must be text in quotes"),
        ("text", None, "must be text in quotes"),
        ("text", "two\nlines", "must be plain UTF-8 text without control characters"),
        ("text", "\udcff", "must be plain UTF-8 text without control characters"),
        ("filled", " ", "must not be empty"),
        ("choice", "geen", 'must be "red", "green" or "blue"; did you mean "green"?'),
        ("choice", "x", 'must be "red", "green" or "blue"'),
        ("choice", 3, 'must be "red", "green" or "blue"'),
        ("texts", "a", f"must be {LIST}"),
        ("texts", ["a", 1], f"must be {LIST}"),
        ("texts", ["a", "\x00"], "must be plain UTF-8 text without control characters"),
        ("texts", {"a": 1}, f"must be {LIST}"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(key: str, given: object, text: str) -> None:
    with pytest.raises(Unfit) as refused:
        checked(FIELDS[key], given)
    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("whole", " 7 ", 7),
        ("whole", "+7", 7),
        ("whole", "7.0", "7.0"),
        ("whole", "1_0", "1_0"),
        ("whole", "\u0667", "\u0667"),
        ("whole", "9" * 5000, "9" * 5000),
        ("number", "0.5", 0.5),
        ("number", "half", "half"),
        ("switch", "On", True),
        ("switch", "0", False),
        ("switch", "maybe", "maybe"),
        ("text", " as it is ", " as it is "),
        ("texts", "a, b,,", ["a", "b"]),
        ("texts", "", []),
    ],
)
def test_text_from_a_variable_means_what_the_setting_takes(key: str, text: str, value: object) -> None:
    assert from_text(FIELDS[key], text) == value


@given(
    st.sampled_from(sorted(FIELDS)),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4),
)
def test_whatever_is_given_either_fits_or_is_refused(key: str, given: Any) -> None:
    try:
        fitting = checked(FIELDS[key], given)
    except Unfit:
        return
    assert checked(FIELDS[key], list(fitting) if isinstance(fitting, tuple) else fitting) == fitting


@given(st.sampled_from(sorted(FIELDS)), st.text())
def test_any_text_can_be_asked_for_its_meaning(key: str, text: str) -> None:
    from_text(FIELDS[key], text)


def test_what_is_expected_is_said_in_words() -> None:
    assert expected(FIELDS["whole"]) == WHOLE
    assert expected(FIELDS["switch"]) == "true or false"
