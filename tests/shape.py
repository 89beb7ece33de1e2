"""How long functions and files are. Run by scripts/check: python tests/shape.py"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).parent.parent
LONGEST_FUNCTION = 80
LONGEST_FILE = 400


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's place and its lines, docstring included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def file_lengths(folder: str) -> dict[str, int]:
    return {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(folder)}


def function_lengths(folder: str) -> dict[str, int]:
    return {place: length for path in sources(folder) for place, length in functions(path)}


def too_long(folder: str) -> list[str]:
    """One line for each function and file that is longer than allowed."""
    long_functions = [f"{place}: {n} lines" for place, n in function_lengths(folder).items() if n > LONGEST_FUNCTION]
    long_files = [f"{place}: {n} lines" for place, n in file_lengths(folder).items() if n > LONGEST_FILE]
    return long_functions + long_files


def report(folder: str) -> str:
    files, lengths = file_lengths(folder), function_lengths(folder)
    p95 = quantiles(lengths.values(), n=20)[-1]
    return (
        f"{folder}: {sum(files.values())} lines in {len(files)} files (median {median(files.values()):.0f}, "
        f"longest {max(files.values())}); {len(lengths)} functions: median {median(lengths.values()):.0f}, "
        f"95th percentile {p95:.0f}, longest {max(lengths.values())}"
    )


def main() -> int:
    for folder in ("satellite", "tests"):
        print(report(folder))
    mistakes = too_long("satellite")
    for mistake in mistakes:
        print(f"too long: {mistake}")
    return bool(mistakes)


if __name__ == "__main__":
    sys.exit(main())
