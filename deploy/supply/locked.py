"""The packages of a lock file, with the hashes that may be installed."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
IMAGE_LOCK = ROOT / "deploy" / "docker" / "requirements.lock"
_ENTRY = re.compile(
    r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)[^\\\n]*\\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE
)


class Locked(NamedTuple):
    name: str
    version: str
    hashes: frozenset[str]


def locked(text: str) -> list[Locked]:
    """In the order of the file. A package may have several versions, for different interpreters."""
    return [
        Locked(name, version, frozenset(re.findall(r"--hash=(\S+)", hashes)))
        for name, version, hashes in _ENTRY.findall(text)
    ]
