"""What all benchmarks say in the same way: the machine, tables, the share in docs/performance.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from satellite.diagnostics.machine import machine

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown, its columns aligned."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def conditions(*packages: str) -> str:
    """Where and when it was measured, and how busy the machine was."""
    versions = ", ".join(f"{name} {found}" for name in packages if (found := installed(name)))
    return (
        f"Measured on {date.today().isoformat()}: {machine()}, kernel {platform.release()}, Python "  # noqa: DTZ011 - a day is enough
        f"{platform.python_version()}, {versions}; load average {os.getloadavg()[0]:.1f}."
    )


def installed(package: str) -> str:
    """The version of an installed package; "" when it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def publish(name: str, text: str, *, write: bool) -> None:
    """Print a benchmark's text and, asked to, put it between its markers in docs/performance.md."""
    print(text)
    if not write:
        return
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: written by scripts/benchmark {name} --write -->", f"<!-- end of {name} -->"
    marked = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not marked.search(page):
        raise SystemExit(f"{PAGE} has no place for {name}: {begin} ... {end}")
    PAGE.write_text(marked.sub(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", page), encoding="utf-8")


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return quantile(values, 0.5)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; nan of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
