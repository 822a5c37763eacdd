"""No regular expression takes longer than its text is long, whatever the text: most come from others."""

import re
import time

import pytest

from shared.errors.classify import classify
from shared.errors.redact import redact
from tests.support.cpu_time import linear_fault
from tests.unit.hostile_texts import Use, hostile, uses

_KB = 1024
_SUSPECT_S = 0.4e-6  # for each character: some ten times what a plain search takes
_MOST_S = 4e-6
_SHORT, _LONG = 64 * _KB, 256 * _KB
_MOST_GROWTH = 8.0  # of the time, from 64 KB to 256 KB: 4 is linear, 16 quadratic


def _applied_s(use: Use, text: str) -> float:
    began = time.thread_time()
    _apply(use, text)
    return time.thread_time() - began


def _apply(use: Use, text: str) -> None:
    subject = text.encode() if isinstance(use.pattern.pattern, bytes) else text
    if use.anchored:
        use.pattern.match(subject)
        use.pattern.fullmatch(subject)
    else:
        for _ in use.pattern.finditer(subject):
            pass


def _suspects(use: Use) -> list[str]:
    """The beginnings of texts that are slow already when they are short; most patterns have none."""
    return [text for text in hostile(use.pattern, 4 * _KB) if _applied_s(use, text) > _SUSPECT_S * len(text)]


def _fault(use: Use, text: str) -> str | None:
    """Grown step by step, so that a bad pattern fails in seconds."""
    took = {}
    for size in (16 * _KB, _SHORT, _LONG):
        grown = text * (size // len(text) + 1)
        took[size] = min(_applied_s(use, grown) for _ in range(2))
        if took[size] > _MOST_S * len(grown):
            return f"{use.where}: {took[size]:.2f} s for {len(grown)} characters like {text[:40]!r}"
    return f"{use.where}: grows faster than {text[:40]!r}" if took[_LONG] > _MOST_GROWTH * took[_SHORT] else None


def test_every_pattern_is_found() -> None:
    found = {use.where.rpartition(".")[2] for use in uses()}
    assert len(found) > 100
    assert {"_SECRET", "_CONTEXT", "_TOKEN", "_BULLET"} <= found


def test_no_pattern_is_worse_than_linear() -> None:
    faults = [fault for use in uses() for text in _suspects(use)[:3] if (fault := _fault(use, text))]
    assert not faults, "\n".join(faults)


def test_a_quadratic_pattern_would_be_found() -> None:
    bad = Use("bad", re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z]+"), anchored=False)
    suspects = _suspects(bad)
    assert suspects
    assert _fault(bad, suspects[0])


@pytest.mark.parametrize(
    "unit", ["eyJaaaa-", "exceed", "<", "<!--", "://", "://a:", "bearer ", "bearer\t \t", "api_key", "sk-", "sk-abc-",
             "\\\"", "[[", "a", " ", '{"error":', "\x00"]
)  # fmt: skip
@pytest.mark.parametrize("status", [400, 429])
def test_an_error_of_an_endpoint_is_classified_in_a_moment(unit: str, status: int) -> None:
    secrets = ("a" * 30, "sk-abc")
    assert not linear_fault(
        lambda text: classify(status, {}, text.encode(), model="custom:m", host="h:1", secrets=secrets), unit
    )


@pytest.mark.parametrize("unit", ["eyJaaaa-", "exceed", "x-eyJhbGciOiJIUzI1NiJ9-", "bearer  ", "api-key "])
def test_what_is_told_to_others_is_redacted_in_a_moment(unit: str) -> None:
    assert not linear_fault(redact, unit)
