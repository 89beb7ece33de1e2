"""Makes docs/api.md out of the docstrings. Run by scripts/make-api-docs."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from types import FunctionType

import satellite
from satellite.core import errors

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
HEAD = """# The library

What `from satellite import ...` gives. This page is made by `scripts/make-api-docs` out of the docstrings.
"""
GROUPS = {
    "Microphone": [
        "Microphone",
        "AsyncMicrophone",
        "Chunk",
        "EchoStatistics",
        "record_to_file",
        "async_record_to_file",
    ],
    "Speaker": ["Speaker", "AsyncSpeaker", "Track"],
    "Arguments to keep": ["VadOptions", "InputOptions", "OutputOptions"],
    "Recordings": ["File", "Analysis", "SaveReport", "Preprocessor"],
    "Utterances": ["utterances", "Utterances", "Utterance"],
    "Devices and versions": [
        "input_devices",
        "output_devices",
        "DeviceInfo",
        "OutputDeviceInfo",
        "version",
        "VersionInfo",
    ],
    "As a call has them": ["open_input", "open_output"],
    "Decoding": ["AudioStreamDecoder", "AudioFrame"],
}
_SECTIONS = re.compile(r"^(Args|Attributes|Returns|Raises):$", re.MULTILINE)


def render() -> str:
    """The page."""
    parts = [HEAD]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [_entry(name) for name in names]
    tree = (errors.__doc__ or "").partition("\n\n")[2].strip()
    parts.append(
        "## Errors\n\nAll are in `satellite.errors`; `SatelliteError` and `DeviceError` also in `satellite`.\n\n"
        f"```\n{tree}\n```\n"
    )
    return "\n".join(parts)


def _entry(name: str) -> str:
    thing = getattr(satellite, name)
    if not inspect.isclass(thing):
        return f"### {name}\n\n{_signature(name, thing)}\n{_text(thing)}\n"
    parts = [f"### {name}\n"]
    if "__init__" in vars(thing) and not hasattr(thing, "__dataclass_fields__"):
        parts.append(_signature(name, thing.__init__))
    parts.append(_text(thing) + "\n")
    parts += [_member(name, member) for member in _members(thing)]
    return "\n".join(parts)


def _members(kind: type) -> list[tuple[str, object]]:
    """Its own and those that it inherits, the own first."""
    found: dict[str, object] = {}
    for each in kind.__mro__:
        if each.__module__.startswith("satellite."):
            found = {**found, **{name: value for name, value in vars(each).items() if name not in found}}
    return [(name, value) for name, value in found.items() if not name.startswith("_") and _is_told(value)]


def _is_told(value: object) -> bool:
    return isinstance(value, FunctionType | property | staticmethod | classmethod)


def _member(owner: str, member: tuple[str, object]) -> str:
    name, value = member
    if isinstance(value, property):
        kind = str(inspect.signature(value.fget).return_annotation) if value.fget else ""
        return f"#### {owner}.{name}: {kind}\n\n{_text(value)}\n"
    function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
    return f"#### {owner}.{name}\n\n{_signature(name, function)}\n{_text(function)}\n"


def _signature(name: str, function: object) -> str:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    kept = [each for key, each in signature.parameters.items() if key not in ("self", "cls")]
    if name[0].isupper():
        signature = signature.replace(return_annotation=inspect.Signature.empty)
    text = str(signature.replace(parameters=kept)).replace("'", "") if kept else f"(){_arrow(signature)}"
    defaults = {each.name: each.default for each in kept if isinstance(each.default, str)}
    for key, default in defaults.items():
        text = re.sub(rf"({key}: \w+ = ){default}", rf'\1"{default}"', text)
    begin = "async def" if inspect.iscoroutinefunction(function) else "def"
    begin = "class" if name[0].isupper() else begin
    line = f"{begin} {name}{text}"
    if len(line) > 110 and kept:
        line = line.replace(f"{name}(", f"{name}(\n    ", 1).replace(", ", ",\n    ")
        line = re.sub(r"\)( -> [^\n]*)?$", lambda match: f",\n){match[1] or ''}", line)
    return f"```python\n{line}\n```\n"


def _arrow(signature: inspect.Signature) -> str:
    told = str(signature.return_annotation).replace("'", "")
    return "" if signature.return_annotation is inspect.Signature.empty else f" -> {told}"


def _text(thing: object) -> str:
    """The docstring: its sections as lists."""
    text = inspect.getdoc(thing) or ""
    pieces = _SECTIONS.split(text)
    parts = [pieces[0].strip()]
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        told, after = _dedented(body)
        parts.append(f"{title}:\n\n{_listed(told) if title != 'Returns' else told}")
        if after:
            parts.append(after)
    return "\n\n".join(part for part in parts if part)


def _dedented(body: str) -> tuple[str, str]:
    """A section's text, and what follows the section."""
    indented, rest = [], []
    for line in body.strip("\n").splitlines():
        (rest if rest or (line and not line.startswith(" ")) else indented).append(line)
    return textwrap.dedent("\n".join(indented)).strip(), "\n".join(rest).strip()


def _listed(body: str) -> str:
    joined = re.sub(r"\n +", " ", body)
    return "\n".join(re.sub(r"^([\w, ]+): ", r"- `\1`: ", line) for line in joined.splitlines() if line)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
