"""Which distributions offer generators. Reads metadata only: no plugin is imported here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from services.features.codegen.generators.contract import GROUP

OWN_DISTRIBUTION = "tallygate"


@dataclass(frozen=True, slots=True)
class Found:
    """An entry point. load: imports it, and may do anything that an import can do."""

    name: str
    distribution: str
    load: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A generator that cannot be used until the worker is restarted. reason: for people, one line."""

    name: str
    distribution: str
    reason: str


def found() -> tuple[Found | Broken, ...]:
    """Our own first, so that no plugin takes their names; then by distribution and name."""
    unique: dict[tuple[str, str], Found | Broken] = {}
    for distribution in metadata.distributions():
        for entry in _offered(distribution):
            unique.setdefault((entry.distribution, entry.name), entry)
    return tuple(unique[key] for key in sorted(unique, key=lambda key: (key[0] != OWN_DISTRIBUTION, key)))


def _offered(distribution: metadata.Distribution) -> Iterator[Found | Broken]:
    """The text is read first: metadata that cannot be parsed is only reported when it is about generators."""
    text = _text(distribution)
    if GROUP not in text:
        return
    name = _name(distribution)
    try:
        entries = [entry for entry in distribution.entry_points if entry.group == GROUP]
    except Exception as error:  # noqa: BLE001 - whatever a malformed file makes of the parser
        yield Broken(f"? of {name}", name, f"its entry_points.txt cannot be read: {type(error).__name__}")
        return
    for entry in entries:
        yield Found(entry.name, name, entry.load)


def _text(distribution: metadata.Distribution) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except (OSError, UnicodeDecodeError):
        return ""


def _name(distribution: metadata.Distribution) -> str:
    try:
        return str(distribution.metadata["Name"] or "unknown")
    except Exception:  # noqa: BLE001 - a distribution without readable metadata still has entry points
        return "unknown"
