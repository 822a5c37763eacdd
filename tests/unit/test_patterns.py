"""No regular expression takes longer than its text is long, whatever the text: most come from others."""

import re
from heapq import nlargest

import pytest

from shared.errors.classify import classify
from shared.errors.redact import redact
from tests.support.cpu_time import cpu_time, linear_fault
from tests.unit.hostile_texts import Use, hostile, uses

_KB = 1024
_LONG = 64 * _KB
_MOST_S = 50e-6  # for each character: fifty times what the slowest pattern takes


def _apply(use: Use, text: str) -> None:
    subject = text.encode() if isinstance(use.pattern.pattern, bytes) else text
    if use.anchored:
        use.pattern.match(subject)
        use.pattern.fullmatch(subject)
    else:
        for _ in use.pattern.finditer(subject):
            pass


def _applied_s(use: Use, text: str) -> float:
    with cpu_time() as spent:
        _apply(use, text)
        return spent()


def _suspects(use: Use) -> list[str]:
    """The texts that take longest when they are short, however little that is, since machines differ too."""
    return nlargest(2, hostile(use.pattern, 4 * _KB), key=lambda text: _applied_s(use, text) / len(text))


def _fault(use: Use, text: str) -> str | None:
    grown = text * (_LONG // len(text) + 1)
    if (took := _applied_s(use, grown)) > _MOST_S * len(grown):
        return f"{use.where}: {took:.2f} s for {len(grown)} characters like {text[:40]!r}"
    fault = linear_fault(lambda longer: _apply(use, longer), text, size=_LONG)
    return None if fault is None else f"{use.where}: {fault}"


def test_every_pattern_is_found() -> None:
    found = {use.where.rpartition(".")[2] for use in uses()}
    assert len(found) > 100
    assert {"_SECRET", "_CONTEXT", "_TOKEN", "_BULLET"} <= found


def test_no_pattern_is_worse_than_linear() -> None:
    faults = [fault for use in uses() for text in _suspects(use) if (fault := _fault(use, text))]
    assert not faults, "\n".join(faults)


def test_a_quadratic_pattern_would_be_found() -> None:
    bad = Use("bad", re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z]+"), anchored=False)
    assert any(_fault(bad, text) for text in _suspects(bad))


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
