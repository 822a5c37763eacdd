"""Secrets in the formats of some hundred vendors, by the rules of Kingfisher, which others keep up to date.

Its library scans in this process, in a thread, and never asks the network: what it could do with a secret that it has
found (validate, revoke) is not used. Where it cannot be had, or takes too long, our own rules are left, and the result
says so (docs/decisions/0031).
"""

import time
from collections.abc import Iterable, Mapping
from functools import partial
from threading import Lock
from typing import NamedTuple, Protocol

import structlog

from services.features.codegen.reading.randomness import is_placeholder

SCAN_S = 20.0  # for all files of a job; 20 MB of source code take less than one
MIN_SECRET = 8  # shorter ones stand in ordinary words
_LEAST_S = 0.001
# What only stands where a secret may stand: our own rules know placeholders from passwords.
_GENERAL = "betterleaks.generic-"

_log = structlog.get_logger(__name__)


class Formats(NamedTuple):
    """secrets: what kind each is. degraded: why some may not have been found."""

    secrets: Mapping[str, str]
    degraded: str | None = None


class Found(Protocol):
    """A finding of Kingfisher. location: offsets in bytes."""

    @property
    def rule_id(self) -> str: ...
    @property
    def confidence(self) -> str: ...
    @property
    def visible(self) -> bool: ...
    @property
    def location(self) -> dict[str, int]: ...


class Scan(Protocol):
    """Raises TimeoutError after so many seconds."""

    def __call__(self, data: bytes, *, timeout: float) -> Iterable[Found]: ...


class _Loaded:
    """The rules, which are compiled once in a process: 7 s of CPU time, or less than one where they are cached."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._scan: Scan | None = None

    def scan(self) -> Scan:
        """Raises ImportError, OSError or RuntimeError where the library cannot be used."""
        with self._lock:
            if self._scan is None:
                from kingfisher_sdk import Scanner  # 36 MB that only workers of features need

                self._scan = Scanner().scan
            return self._scan


_LOADED = _Loaded()


def secrets_by_format(texts: Iterable[str], scan: Scan | None = None, limit_s: float = SCAN_S) -> Formats:
    """Blocks: for a thread. scan: in place of Kingfisher's."""
    try:
        scan = scan or _LOADED.scan()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        _log.warning("features.secret_scanner_unusable", reason=type(error).__name__)
        return Formats({}, f"the scanner for known formats of secrets cannot be used ({type(error).__name__})")
    return _scanned(texts, partial(_secrets, scan), limit_s)


class _SecretsOf(Protocol):
    def __call__(self, text: str, timeout_s: float) -> Mapping[str, str]: ...


def _scanned(texts: Iterable[str], secrets_of: _SecretsOf, limit_s: float) -> Formats:
    secrets: dict[str, str] = {}
    ends_at = time.monotonic() + limit_s
    not_scanned: dict[str, int] = {}
    for text in texts:
        try:
            secrets |= secrets_of(text, max(_LEAST_S, ends_at - time.monotonic()))
        except (TimeoutError, RuntimeError, ValueError) as error:
            not_scanned[type(error).__name__] = not_scanned.get(type(error).__name__, 0) + 1
    if not not_scanned:
        return Formats(secrets)
    number, why = sum(not_scanned.values()), ", ".join(not_scanned)
    _log.warning("features.secret_scanner_failed", texts=number, reason=why)
    return Formats(secrets, f"{number} files were not scanned for known formats of secrets ({why})")


def _secrets(scan: Scan, text: str, timeout_s: float) -> dict[str, str]:
    data = text.encode(errors="replace")
    found: dict[str, str] = {}
    for finding in scan(data, timeout=timeout_s):
        if not finding.visible or finding.confidence == "low" or finding.rule_id.startswith(_GENERAL):
            continue
        location = finding.location
        # By its place: of what is encoded the library tells the decoded text, and it is the encoded one that is there.
        secret = data[location["start_offset"] : location["end_offset"]].decode(errors="replace")
        if len(secret) >= MIN_SECRET and not is_placeholder(secret):
            found[secret] = _kind(finding.rule_id)
    return found


def _kind(rule_id: str) -> str:
    """ "aws access token" for "betterleaks.aws-access-token"."""
    return rule_id.replace("/", ".").rpartition(".")[2].replace("-", " ")
