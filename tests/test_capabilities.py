"""The page of capabilities lists every one of them once, and what it says can be looked up."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "capabilities.md"

# Letter to how many there are, and which of them have an x.
LETTERS = {
    "D": (139, range(109, 140)),
    "C": (30, (5, 22, 23, *range(26, 31))),
    "M": (43, range(34, 44)),
    "B": (32, range(30, 33)),
    "V": (45, (10, *range(31, 46))),
}
IDS = [
    f"{letter}{number}{'x' * (number in marked)}"
    for letter, (count, marked) in LETTERS.items()
    for number in range(1, count + 1)
]
STATES = ("works", "open", "not applicable")
MAY_BE_NOT_APPLICABLE = {"D3", "D4", "D5", "D17", "D98", "D99", "D100", "D101", "D102", "D103", "D106", "V30"}
PLACE = re.compile(r"(?:satellite|tests|scripts|docs|models|firmware-config|benchmarks)/[^`:]+|[A-Za-z.]+\.(?:md|toml)")


class Row(NamedTuple):
    """A line of one of the tables. `reason`: its test, or why there is none."""

    id: str
    capability: str
    where: str
    reason: str

    @property
    def state(self) -> str:
        return self.where if self.where in STATES else "works"

    @property
    def places(self) -> list[str]:
        """Files and tests named in it."""
        return [text for text in quoted(f"{self.where} {self.reason}") if PLACE.fullmatch(text.partition("::")[0])]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def table_rows(title: str) -> list[list[str]]:
    """The lines of the table below the heading that begins with `title`, without the table's own head."""
    section = re.search(
        rf"^## {title}.*?\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert section, title
    lines = [line for line in section[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


ROWS = [Row(*cells) for letter in LETTERS for cells in table_rows(f"{letter}:")]


@cache
def functions(path: Path) -> set[str]:
    """Names of the test functions of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_capability_is_listed_once_and_in_order() -> None:
    assert len(IDS) == 289
    assert [row.id for row in ROWS] == IDS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_says_what_where_and_why(row: Row) -> None:
    assert row.capability
    assert row.reason
    assert row.state != "not applicable" or row.id in MAY_BE_NOT_APPLICABLE
    if row.state == "works":
        assert row.where == ", ".join(f"`{place}`" for place in quoted(row.where))
        assert any(place.startswith(("tests/", "scripts/")) for place in quoted(row.reason)), "no test is named"


@pytest.mark.parametrize("row", [row for row in ROWS if quoted(row.where + row.reason)], ids=lambda row: row.id)
def test_what_a_row_names_exists(row: Row) -> None:
    if row.state == "works":
        assert set(quoted(row.where)) <= set(row.places)
    for place in row.places:
        path, _, test = place.partition("::")
        assert (ROOT / path).is_file(), place
        assert not test or (test.startswith("test_") and test in functions(ROOT / path)), place


def test_the_counts_at_the_top_are_right() -> None:
    counted = []
    for letters in (*LETTERS, "DCMBV"):
        states = Counter(row.state for row in ROWS if row.id[0] in letters)
        counted.append([letters if len(letters) == 1 else "all", *(str(states[state]) for state in STATES)])
        counted[-1].append(str(states.total()))
    assert table_rows("Counts") == counted


def test_it_needs_few_packages_and_no_framework() -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[^a-z0-9-]", name.lower(), maxsplit=1)[0] for name in needed}
    assert len(names) <= 10
    assert not names & {"torch", "tensorflow", "scipy", "scikit-learn", "pydantic", "aiohttp", "openwakeword"}
