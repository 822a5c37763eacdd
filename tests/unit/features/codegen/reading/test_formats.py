"""Secrets by the formats of vendors: found before our own rules, or the result says that they were not looked for."""

import random
import string
import sys
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from services.features.codegen.reading import formats
from services.features.codegen.reading.context import make_context
from services.features.codegen.reading.formats import Found, secrets_by_format
from services.features.codegen.reading.secrets import remove_secrets
from services.features.codegen.values import Repository

_HEX = "0123456789abcdef"
_LETTERS = string.ascii_letters + string.digits


def _drawn(seed: int, length: int, letters: str = _LETTERS) -> str:
    chosen = random.Random(seed)
    return "".join(chosen.choice(letters) for _ in range(length))


# Made here: what looks like one in a text is found by others, too.
UNKNOWN_TO_US = {
    "figma": "figd_" + _drawn(1, 40),
    "rubygems": "rubygems_" + _drawn(2, 48, _HEX),
    "pulumi": "pul-" + _drawn(3, 40, _HEX),
    "duffel": "duffel_live_" + _drawn(4, 43),
    "prefect": "pnu_" + _drawn(5, 36),
}


@pytest.mark.parametrize("vendor", list(UNKNOWN_TO_US))
def test_formats_that_our_rules_do_not_know_are_not_told(vendor: str) -> None:
    secret = UNKNOWN_TO_US[vendor]
    text = f"call('{secret}')\n"
    assert secret in remove_secrets("a.js", text).text
    wish = f"Add a test of {secret}"
    found = secrets_by_format((wish, text))
    assert found.degraded is None
    context = make_context(
        "Add a call", Repository({"a.js": text, "call.md": f"# call\n{secret}\n"}), 2_000, found.secrets
    )
    assert {file.path for file in context.files} == {"a.js", "call.md"}
    assert secret not in str(context.files)
    assert f"«removed: {vendor}" in context.files[0].content
    assert [*context.secrets.places(wish)] == [(wish.index(secret), len(wish))]


class _Finding(NamedTuple):
    location: dict[str, int]
    rule_id: str = "betterleaks.some-key"
    confidence: str = "high"
    visible: bool = True


def _at(start: int, end: int) -> dict[str, int]:
    return {"start_offset": start, "end_offset": end}


@pytest.mark.parametrize(
    ("finding", "secrets"),
    [
        (_Finding(_at(3, 13)), {"abcdefghij": "some key"}),
        (_Finding(_at(3, 6)), {}),
        (_Finding(_at(3, 13), confidence="low"), {}),
        (_Finding(_at(3, 13), visible=False), {}),
        (_Finding(_at(3, 13), rule_id="betterleaks.generic-credential-uri"), {}),
    ],
)
def test_which_findings_count(finding: Found, secrets: dict[str, str]) -> None:
    def scan(data: bytes, *, timeout: float) -> Sequence[Found]:
        return [finding]

    assert secrets_by_format(["ü abcdefghij"], scan).secrets == secrets


def test_a_scanner_that_takes_too_long_is_told_and_the_rest_is_scanned() -> None:
    def scan(data: bytes, *, timeout: float) -> Sequence[Found]:
        if data == b"long":
            raise TimeoutError
        assert 0 < timeout <= 5
        return [_Finding(_at(0, 10))]

    found = secrets_by_format(["long", "abcdefghij"], scan, limit_s=5)
    assert found.secrets == {"abcdefghij": "some key"}
    assert found.degraded == "1 files were not scanned for known formats of secrets (TimeoutError)"


def test_a_scanner_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_LOADED", formats._Loaded())
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", None)
    found = secrets_by_format(["x"])
    assert not found.secrets
    assert found.degraded == "the scanner for known formats of secrets cannot be used (ModuleNotFoundError)"
