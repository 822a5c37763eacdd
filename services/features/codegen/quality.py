"""What can be measured of the touched files, before and after. Nothing is estimated, and there is no total but one sum.

Runs `ruff` where it is installed, and the process that reads syntax; it blocks, so call it in a thread.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.features.codegen.check.parsing import Parsed, Source, parse_all
from services.features.codegen.check.readers import has_tests_beside
from services.features.codegen.languages import language_of
from services.features.codegen.reading.tests_by_name import is_test, name_of, subject_of
from services.features.codegen.values import Draft, Repository

RUFF_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Measure:
    """before None: there is no such thing before, as with lines that are added. how: in words, what measured it."""

    name: str
    before: float | None
    after: float | None
    unit: str
    how: str


@dataclass(frozen=True, slots=True)
class Quality:
    """before, after: syntax errors plus, where they were measured, lint findings of the touched files: a sum of two
    counts, of which less is better. not_measured: sentences."""

    before: float
    after: float
    measures: tuple[Measure, ...]
    not_measured: tuple[str, ...] = ()


def as_dict(quality: Quality) -> dict[str, Any]:
    return {
        "before": quality.before,
        "after": quality.after,
        "of": "syntax errors plus lint findings of the touched files, less is better",
        "measures": [asdict(measure) for measure in quality.measures],
        "not_measured": list(quality.not_measured),
    }


def measure(draft: Draft, repository: Repository, diffs: Sequence[str]) -> Quality:
    """diffs: of the files of the draft, in their order."""
    after = {file.path: file.content for file in draft.files}
    before = {file.path: file.before for file in draft.files if file.before is not None}
    parsed = parse_all([Source(*pair) for pair in (*before.items(), *after.items())], repository.files)
    old, new = parsed[: len(before)], parsed[len(before) :]
    lint_before, lint_after = _lint(before), _lint(after)
    measures = [
        *_sizes(draft, diffs, before, after),
        Measure("largest_function", _largest(old), _largest(new), "lines", "syntax tree of the touched files"),
        Measure("syntax_errors", _errors(old), _errors(new), "errors", "parsers of the touched files"),
        *_tests(draft, repository),
    ]
    said = [] if any(has_tests_beside(path) for path in after) else ["tests beside sources: no source file was touched"]
    if lint_after is None or lint_before is None:
        said.append(_no_lint(after))
        lint_before = lint_after = None
    else:
        rates = _rate(lint_before, before), _rate(lint_after, after)
        how = "ruff check --isolated, its default rules, on the touched Python files"
        measures.append(Measure("lint_findings_per_100_lines", *rates, "findings per 100 lines", how))
    return Quality(_errors(old) + (lint_before or 0), _errors(new) + (lint_after or 0), tuple(measures), tuple(said))


def _sizes(draft: Draft, diffs: Sequence[str], before: Mapping[str, str], after: Mapping[str, str]) -> list[Measure]:
    changes = [_changes(diff) for diff in diffs]
    new = sum(file.before is None for file in draft.files)
    return [
        Measure("files_touched", None, len(draft.files), "files", "counted"),
        Measure("files_created", None, new, "files", "counted"),
        Measure("lines_added", None, sum(added for added, _ in changes), "lines", "unified diff"),
        Measure("lines_removed", None, sum(removed for _, removed in changes), "lines", "unified diff"),
        Measure("lines", sum(map(_lines, before.values())), sum(map(_lines, after.values())), "lines", "counted"),
        Measure("largest_file", _most(before), _most(after), "lines", "counted"),
    ]


def _changes(diff: str) -> tuple[int, int]:
    lines = diff.split("\n")[2:]
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


def _most(texts: Mapping[str, str]) -> float | None:
    return max(map(_lines, texts.values()), default=None)


def _lines(text: str) -> int:
    return text.count("\n") + (text != "" and not text.endswith("\n"))


def _largest(parsed: Sequence[Parsed | None]) -> float | None:
    return max((file.largest_function for file in parsed if file and file.largest_function is not None), default=None)


def _errors(parsed: Sequence[Parsed | None]) -> int:
    return sum(file.error_count for file in parsed if file)


def _tests(draft: Draft, repository: Repository) -> list[Measure]:
    paths = {*repository.files, *repository.left_out, *(file.path for file in draft.files)}
    names = {subject_of(path) for path in paths if is_test(path)}
    sources = [
        file.path
        for file in draft.files
        if has_tests_beside(file.path) and not is_test(file.path) and file.content.strip()
    ]
    if not sources:
        return []
    share = sum(name_of(path) in names for path in sources) / len(sources)
    return [
        Measure("sources_with_a_test", None, round(share, 3), "share", "a test file of the same name, by paths only")
    ]


def _rate(findings: int, texts: Mapping[str, str]) -> float | None:
    lines = sum(_lines(text) for path, text in texts.items() if language_of(path) == "python")
    return round(100 * findings / lines, 2) if lines else None


def _no_lint(after: Mapping[str, str]) -> str:
    if not any(language_of(path) == "python" for path in after):
        return "lint findings: no Python file was touched, and no other linter is used"
    return "lint findings: not measured, ruff is not installed or did not answer"


def _lint(texts: Mapping[str, str]) -> int | None:
    """The number of findings; 0 for no files; None when it cannot be known."""
    python = [text for path, text in sorted(texts.items()) if language_of(path) == "python"]
    command = _ruff()
    if command is None:
        return None
    return _run_ruff(command, python) if python else 0


def _ruff() -> list[str] | None:
    if importlib.util.find_spec("ruff") is not None:
        return [sys.executable, "-m", "ruff"]
    found = shutil.which("ruff")
    return [found] if found else None


def _run_ruff(command: list[str], texts: Sequence[str]) -> int | None:
    """Under names of ours: nothing that a model named reaches a command line or a disk."""
    with tempfile.TemporaryDirectory(prefix="tallygate-lint-") as folder:
        for number, text in enumerate(texts):
            (Path(folder) / f"file_{number}.py").write_bytes(text.encode(errors="replace"))
        try:
            done = subprocess.run(
                [*command, "check", "--isolated", "--no-cache", "--output-format", "json", "."],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=RUFF_TIMEOUT_S,
                env={"LC_ALL": "C.UTF-8"},
                check=False,
            )
            return sum(row.get("code") not in (None, "invalid-syntax") for row in json.loads(done.stdout))
        except (OSError, subprocess.TimeoutExpired, ValueError):
            return None
