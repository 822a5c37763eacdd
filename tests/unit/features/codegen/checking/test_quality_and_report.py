import pytest

from services.features.codegen import quality, report
from services.features.codegen.patches import unified_diff
from services.features.codegen.quality import Quality, as_dict, measure
from services.features.codegen.values import Draft, Finding, ProducedFile, Repository

DRAFT = Draft(
    (
        ProducedFile("a.py", "python", "import os\n\ndef f():\n    x = 1\n    return 2\n", "def f():\n    return 2\n"),
        ProducedFile("b.py", "python", "def g(:\n"),
        ProducedFile("tests/test_a.py", "python", "def test():\n    pass\n"),
        ProducedFile("n.md", "markdown", "hi"),
    )
)


def measured_of(draft: Draft, repository: Repository) -> Quality:
    diffs = [unified_diff(one.before, one.content, one.path) for one in draft.files]
    return measure(draft, repository, diffs)


def test_measures_only_what_is_measured() -> None:
    measured = measured_of(DRAFT, Repository({"a.py": "def f():\n    return 2\n"}))
    values = {one.name: (one.before, one.after) for one in measured.measures}
    lint = values.pop("lint_findings_per_100_lines")
    assert lint[0] == 0
    assert lint[1]
    assert values == {
        "files_touched": (None, 4),
        "files_created": (None, 3),
        "lines_added": (None, 7),
        "lines_removed": (None, 0),
        "lines": (2, 9),
        "largest_file": (2, 5),
        "largest_function": (2, 3),
        "syntax_errors": (0, 1),
        "sources_with_a_test": (None, 0.5),
    }
    assert measured.before == 0
    assert measured.after >= 1 + 2  # what ruff finds by default differs by its version
    assert as_dict(measured)["measures"][0]["name"] == "files_touched"


def test_says_what_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "_ruff", lambda: None)
    measured = measured_of(DRAFT, Repository({}))
    assert "lint findings: not measured, ruff is not installed or did not answer" in measured.not_measured
    assert measured.after == 1
    only = measured_of(Draft((ProducedFile("n.md", "markdown", "hi"),)), Repository({}))
    assert len(only.not_measured) == 2


def test_the_report() -> None:
    passed = report.validation((), DRAFT, executed=True)
    assert passed["passed"] is True
    assert passed["checked"]["python"] == ["syntax", "imports"]
    assert "nothing was run" in report.validation((), DRAFT)["not_checked"][-1]
    many = tuple(Finding("a.py", "syntax", f"wrong\n\x1b {number}", number) for number in range(150))
    failed = report.validation(many, DRAFT)
    assert failed["passed"] is False
    assert len(failed["findings"]) == 100
    assert failed["findings_left_out"] == 50
    assert failed["findings"][0] == {"path": "a.py", "line": 0, "kind": "syntax", "message": "wrong 0"}


def test_sentences_to_repair_from_are_bounded() -> None:
    findings = [Finding("a.py", "syntax", "x" * 5_000, 3), Finding("", "empty", "none"), Finding("", "empty", "none")]
    assert report.repair_sentences(findings)[0].startswith("a.py:3 syntax xxx")
    assert report.repair_sentences(findings)[1:] == ("the answer empty none",)
    many = [Finding(f"{number}.py", "import", "y" * 100) for number in range(1_000)]
    notes = "\n".join(report.repair_sentences(many))
    assert len(notes) < report.MAX_CHARACTERS + 50
    assert notes.endswith("more")
