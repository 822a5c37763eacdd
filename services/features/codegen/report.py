"""Pure: findings for people, and as sentences from which a model can repair. They quote a few words of files, so they
are content: sealed where they are kept, and never logged."""

from collections.abc import Iterable, Sequence
from typing import Any

from services.features.codegen.check import checked_kinds
from services.features.codegen.values import Draft, Finding

MAX_FINDINGS = 100  # in a report
MAX_CHARACTERS = 6_000  # of all sentences for a model: about 1,500 tokens
MAX_SENTENCE = 400

_NOT_RUN = "types, behaviour and tests: nothing was run"


def failing(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What only a grammar objects to is repaired if possible, but fails nothing: it is reported as not checked."""
    return tuple(finding for finding in findings if finding.kind != "grammar")


def validation(findings: Sequence[Finding], draft: Draft, executed: bool = False) -> dict[str, Any]:
    """executed: whether the operator's command was run on the draft."""
    checked = checked_kinds(draft, findings)
    wrong = failing(findings)
    report: dict[str, Any] = {
        "passed": not wrong,
        "findings": [_row(finding) for finding in wrong[:MAX_FINDINGS]],
        "checked": {language: list(kinds) for language, kinds in checked.checked.items()},
        "not_checked": [*map(_line, checked.not_checked), *([] if executed else [_NOT_RUN])],
    }
    if len(wrong) > MAX_FINDINGS:
        report["findings_left_out"] = len(wrong) - MAX_FINDINGS
    return report


def repair_sentences(findings: Iterable[Finding], max_characters: int = MAX_CHARACTERS) -> tuple[str, ...]:
    """`path:line kind message`, each once; the last sentence says how many there was no room for."""
    sentences = list(dict.fromkeys(map(_sentence, findings)))
    kept: list[str] = []
    room = max_characters
    for sentence in sentences:
        room -= len(sentence) + 1
        if room < 0:
            break
        kept.append(sentence)
    left = len(sentences) - len(kept)
    return (*kept, f"and {left} more") if left else tuple(kept)


def _sentence(finding: Finding) -> str:
    place = finding.path or "the answer"
    if finding.line is not None:
        place = f"{place}:{finding.line}"
    return _line(f"{place} {finding.kind} {finding.message}")


def _line(text: str) -> str:
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= MAX_SENTENCE else plain[:MAX_SENTENCE] + "…"


def _row(finding: Finding) -> dict[str, Any]:
    return {"path": finding.path, "line": finding.line, "kind": finding.kind, "message": _line(finding.message)}
