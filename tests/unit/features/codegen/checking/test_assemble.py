from collections.abc import Sequence

import pytest

from services.features.codegen.answers import Answer, AnswerFile, parse
from services.features.codegen.assemble import assemble
from services.features.codegen.patches import Edit
from services.features.codegen.values import Constraints, Draft, Finding, PlannedFile, Repository

REPOSITORY = Repository(
    {"a.py": "x = 1\n", "win.py": "x = 1\r\ny = 2\r\n", "src/b.py": "b\n"}, {"big.bin": "too large"}
)


def draft(*files: AnswerFile, constraints: Constraints | None = None, planned: Sequence[PlannedFile] = ()) -> Draft:
    return assemble(Answer(files), REPOSITORY, constraints or Constraints(), planned)


def said(made: Draft) -> list[tuple[str, str]]:
    return [(finding.path, finding.kind) for finding in made.findings]


def test_creates_and_edits() -> None:
    made = draft(
        AnswerFile("new/c.ts", "create", content="c\n"),
        AnswerFile("a.py", "edit", edits=(Edit("1", "2"),)),
        AnswerFile("./src//b.py", None, patch="@@ -1 +1 @@\n-b\n+c\n"),
    )
    assert [(one.path, one.language, one.content, one.before) for one in made.files] == [
        ("new/c.ts", "typescript", "c\n", None),
        ("a.py", "python", "x = 2\n", "x = 1\n"),
        ("src/b.py", "python", "c\n", "b\n"),
    ]
    assert not made.findings


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (AnswerFile("../../etc/cron.d/x", "create", content="x"), "path"),
        (AnswerFile("/etc/passwd", "edit", content="x"), "path"),
        (AnswerFile(".git/hooks/pre-commit", "create", content="x"), "path"),
        (AnswerFile("a.py", None, content="gone\n"), "path"),
        (AnswerFile("a.py", "create", content="gone\n"), "path"),
        (AnswerFile("A.py", "create", content="x"), "path"),
        (AnswerFile("big.bin", "edit", content="x"), "path"),
        (AnswerFile("none.py", "edit", content="x"), "path"),
        (AnswerFile("none.py", None, edits=(Edit("a", "b"),)), "path"),
        (AnswerFile("a.py", "edit", edits=(Edit("nope", "b"),)), "patch"),
        (AnswerFile("a.py", "edit", content="x = 1\n"), "empty"),
        (AnswerFile("n.py", "create", content=" \n"), "empty"),
        (AnswerFile("a.py", "edit", content="x = 2\n# ... rest of the code stays the same\n"), "empty"),
        (AnswerFile("n.py", "create", content="a\x00b"), "syntax"),
        (AnswerFile("n.py", "create", content="\ud800"), "syntax"),
    ],
)
def test_what_may_not_be_is_left_out_with_a_finding(file: AnswerFile, kind: str) -> None:
    made = draft(file)
    assert not made.files
    assert [one for _, one in said(made)] == [kind]


def test_the_plan_declares_actions_and_what_it_misses_is_told() -> None:
    planned = [PlannedFile("a.py", "edit"), PlannedFile("c.py", "create")]
    made = draft(AnswerFile("a.py", None, content="x = 3\n"), planned=planned)
    assert [one.path for one in made.files] == ["a.py"]
    assert said(made) == [("c.py", "empty")]


def test_constraints() -> None:
    files = [AnswerFile(f"f{number}.py", "create", content="0123456789") for number in range(4)]
    assert len(draft(*files, constraints=Constraints(max_files=2)).files) == 2
    assert len(draft(*files, constraints=Constraints(max_bytes=25)).files) == 2
    assert said(draft(*files[:1], constraints=Constraints(paths=("src/**",)))) == [("f0.py", "path")]
    assert said(draft(*files[:1], constraints=Constraints(languages=("Go",)))) == [("f0.py", "language")]


@pytest.mark.parametrize(
    ("language", "path"),
    [
        ("C++", "a.cpp"),
        ("C++", "a.h"),
        ("C#", "a.cs"),
        ("js", "n.mjs"),
        ("ts", "n.tsx"),
        ("Golang", "a.go"),
        ("text", "notes"),
    ],
)
def test_languages_go_by_all_their_names(language: str, path: str) -> None:
    file = AnswerFile(path, "create", content="x\n")
    assert not draft(file, constraints=Constraints(languages=(language,))).findings
    assert said(draft(file, constraints=Constraints(languages=("Zig",)))) == [(path, "language")]


def test_a_file_whose_name_is_composed_otherwise_is_edited_under_its_own() -> None:
    own = "cafe\u0301.md"
    repository = Repository({own: "one\n"})
    for told in (own, "caf\u00e9.md"):
        file = AnswerFile(told, "edit", edits=(Edit("one", "two"),))
        made = assemble(Answer((file,)), repository, Constraints(), [PlannedFile(own, "edit")])
        assert [(one.path, one.content, one.before) for one in made.files] == [(own, "two\n", "one\n")]
        assert not made.findings


def test_a_block_with_a_heading_of_restructuredtext() -> None:
    heading = "Install\n=======\n"
    before = f"{heading}pip\n"
    answer = parse(f"FILE: README.rst\n```\n<<<<<<< SEARCH\n{before}=======\n{heading}uv\n>>>>>>> REPLACE\n```\n")
    made = assemble(answer, Repository({"README.rst": before}), Constraints())
    assert [one.content for one in made.files] == [f"{heading}uv\n"]


def test_the_same_path_twice() -> None:
    made = draft(AnswerFile("n.py", "create", content="1"), AnswerFile("n.py", "create", content="2"))
    assert [one.content for one in made.files] == ["2"]
    assert said(made) == [("n.py", "path")]
    both = draft(AnswerFile("a.py", edits=(Edit("x", "y"),)), AnswerFile("a.py", edits=(Edit("1", "2"),)))
    assert [one.content for one in both.files] == ["y = 2\n"]
    assert not both.findings
    assert said(draft(AnswerFile("n.py", "create", content="1"), AnswerFile("N.py", "create", content="2"))) == [
        ("N.py", "path")
    ]


def test_line_ends_of_a_file_are_kept() -> None:
    assert draft(AnswerFile("win.py", "edit", content="x = 1\ny = 3\n")).files[0].content == "x = 1\r\ny = 3\r\n"


def test_a_cut_answer_and_an_empty_one() -> None:
    cut = assemble(parse("### n.py\n```python\nx = "), REPOSITORY, Constraints())
    assert cut.findings == (Finding("n.py", "empty", "the answer ended within this file"),)
    assert said(assemble(parse("I cannot."), REPOSITORY, Constraints())) == [("", "empty")]


def test_a_repair_edits_the_earlier_draft() -> None:
    first = draft(AnswerFile("n.py", "create", content="one\ntwo\n"), AnswerFile("m.py", "create", content="m\n"))
    again = assemble(
        Answer((AnswerFile("n.py", "edit", edits=(Edit("two", "2"),)),)), REPOSITORY, Constraints(), None, first
    )
    assert {one.path: (one.content, one.before) for one in again.files} == {
        "n.py": ("one\n2\n", None),
        "m.py": ("m\n", None),
    }
    assert not again.findings


@pytest.mark.parametrize(
    "mark",
    [
        "...",
        "    ...",
        "# ...",
        "# ... existing code ...",
        "# rest of the file unchanged",
        "# [The rest of your code]",
        "# existing methods remain unchanged",
        "# other imports ...",
        "# unchanged",
        "# --- remainder of the original file ---",
    ],
)
def test_what_stands_for_lines_is_not_written_over_them(mark: str) -> None:
    made = draft(AnswerFile("a.py", "edit", content=f"y = 1\nz = 2\n{mark}\n"))
    assert not made.files
    assert made.findings == (
        Finding("a.py", "empty", "a comment stands for what was left out; give the whole file, or edits", 3),
    )


@pytest.mark.parametrize(
    "line",
    [
        "def f():\n    ...",
        "# The rest of the file is parsed lazily",
        "# existing tests use this helper here",
        "# the order is unchanged",
        "x = [...]",
        'raise NotImplementedError("...")',
    ],
)
def test_what_only_looks_like_it_is_written(line: str) -> None:
    assert not draft(AnswerFile("a.py", "edit", content=f"y = 1\n{line}\n")).findings


def test_what_stood_there_before_may_stay() -> None:
    before = "a = 1\n# ... existing code ...\n...\n"
    repository = Repository({"a.py": before})
    answer = Answer((AnswerFile("a.py", "edit", content=before.replace("1", "2")),))
    assert not assemble(answer, repository, Constraints()).findings


def test_an_edit_puts_no_mark_in_place_of_lines() -> None:
    made = draft(AnswerFile("a.py", "edit", edits=(Edit("x = 1\n", "# ... rest of the code unchanged\n"),)))
    assert said(made) == [("a.py", "empty")]
