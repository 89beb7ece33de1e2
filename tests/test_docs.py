"""What the documents say of the code is true."""

from __future__ import annotations

import re
from pathlib import Path

from satellite.session import Phase, conversation

ROOT = Path(__file__).parent.parent


def rendered_table() -> str:
    """The transition table as docs/protocol.md shows it."""
    rows = [["event", *(phase.name for phase in Phase)], ["---"] * (len(Phase) + 1)]
    for event, handlers in conversation.TABLE.items():
        rows.append([event.__name__, *("-" if h is conversation.ignore else h.__name__ for h in handlers)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def test_the_protocol_page_shows_the_transition_table_as_it_is() -> None:
    assert rendered_table() in (ROOT / "docs" / "protocol.md").read_text(), "put in this:\n" + rendered_table()


def test_links_between_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_tests_that_the_documents_name_are_there() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text()):
            assert f"def {name}(" in (ROOT / path).read_text(), f"{page.name}: {path}::{name}"


def test_the_readme_names_every_package() -> None:
    readme = (ROOT / "README.md").read_text()
    for package in (ROOT / "satellite").iterdir():
        if package.is_dir() and (package / "__init__.py").exists():
            assert f"satellite/{package.name}/" in readme, package.name
