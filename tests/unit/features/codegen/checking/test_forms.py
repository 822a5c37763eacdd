"""The forms in which models give files: by which line a file is named, where a block ends, and what is no file."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.features.codegen.answers import parse, without_thoughts
from services.features.codegen.assemble import assemble
from services.features.codegen.patches import unified_diff
from services.features.codegen.values import Constraints, Draft, PlannedFile, Repository

FENCE = "```"
BEFORE = "import os\n\n\ndef a():\n    return 1\n\n\ndef b():\n    return 1\n"
FILES = {"src/x.py": BEFORE, "README.md": "# Old\n", "docs/win.md": "one\r\ntwo\r\n"}
PLANNED = [PlannedFile(path, "edit") for path in FILES]


def drafted(text: str, files: Mapping[str, str] = FILES) -> Draft:
    return assemble(parse(text), Repository(dict(files)), Constraints(), PLANNED[:0])


def written(text: str, files: Mapping[str, str] = FILES) -> dict[str, str]:
    draft = drafted(text, files)
    assert not draft.findings, draft.findings
    return {file.path: file.content for file in draft.files}


def not_written(text: str) -> list[tuple[str, str]]:
    draft = drafted(text)
    assert not draft.files
    assert draft.findings
    return [(finding.path, finding.kind) for finding in draft.findings]


# Thoughts

DRAFT = f"FILE: draft.py\n{FENCE}python\nx = 1\n{FENCE}\n"
FINAL = f"FILE: a.py\n{FENCE}python\ny = 2\n{FENCE}\n"


@pytest.mark.parametrize(
    "thoughts",
    [
        f"<think>\n{DRAFT}</think>\n",
        f"<think>Short.</think>\n<think>{DRAFT}</think>",
        f"<thinking>\n{DRAFT}\n</thinking>\n\n",
        f"[THINK]{DRAFT}[/THINK]\n",
        f"◁think▷{DRAFT}◁/think▷",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>",
        f"Let me think.\n{DRAFT}</think>\n",
        f"{DRAFT}So be it.</think>\n",
        f"<reasoning>\n{FENCE}python\nnever closed\n</reasoning>\n",
    ],
)
def test_thoughts_are_no_files(thoughts: str) -> None:
    assert written(thoughts + FINAL) == {"a.py": "y = 2\n"}


def test_thoughts_between_files_are_none_and_those_without_an_end_are_not_read() -> None:
    assert written(f"{FINAL}<think>\n{DRAFT}</think>\n{FINAL.replace('a.py', 'b.py')}") == {
        "a.py": "y = 2\n",
        "b.py": "y = 2\n",
    }
    assert not_written(f"<think>\n{DRAFT}") == [("", "empty")]


def test_files_may_be_about_thoughts() -> None:
    body = 'TAG = """\n<think>\n</think>\n"""\n'
    assert written(f"FILE: a.py\n{FENCE}python\n{body}{FENCE}\n") == {"a.py": body}


@given(st.text(alphabet="<>/think[] \n`ab", max_size=200), st.text(alphabet="<>/think[] \n`ab", max_size=50))
def test_what_is_left_of_thoughts_has_none(text: str, more: str) -> None:
    for mark in ("<think>", "</think>", "[THINK]"):
        left = without_thoughts(f"{text}{mark}{more}")
        assert len(left) <= len(text) + len(mark) + len(more)


# Fences within fences

README = f"# Use\n\n{FENCE}bash\nrun\n{FENCE}\n\nThen:\n\n{FENCE}\nout\n{FENCE}\nend\n"


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("````markdown", "````"), ("~~~markdown", "~~~"), ("~~~~", "~~~~"), ("`````md", "`````")],
)
def test_a_text_in_a_fence_that_its_own_cannot_end_is_whole(opening: str, closing: str) -> None:
    assert written(f"FILE: GUIDE.md\n{opening}\n{README}{closing}\n") == {"GUIDE.md": README}


@pytest.mark.parametrize(
    "text",
    [
        f"FILE: GUIDE.md\n{FENCE}markdown\n{README}{FENCE}\n",
        f"FILE: GUIDE.md\n{FENCE}\n# Use\n{FENCE}\nrun\n{FENCE}\nend\n{FENCE}\n",
        f"FILE: GUIDE.md\n{FENCE}md\n# Use\n{FENCE}\nrun\n{FENCE}\n",
        f"FILE: notes.txt\n{FENCE}\na\n{FENCE}\nb\n{FENCE}\nc\n",
        f"FILE: GUIDE.md\n{FENCE}markdown\n# Use\n{FENCE}bash\nrun\n{FENCE}\n",
        f"FILE: GUIDE.md\n````markdown\n{README}{FENCE}\n",
    ],
)
def test_a_text_that_may_be_cut_by_its_own_fence_is_not_written(text: str) -> None:
    assert not_written(text)


def test_a_file_behind_a_text_that_is_not_whole_is_still_written() -> None:
    draft = drafted(f"FILE: GUIDE.md\n{FENCE}\n# Use\n{FENCE}\nrun\n{FENCE}\nend\n{FENCE}\n\n{FINAL}")
    assert [file.path for file in draft.files] == ["a.py"]
    assert [finding.path for finding in draft.findings] == ["GUIDE.md"]


def test_fences_further_in_are_of_the_text() -> None:
    body = f'def a():\n    """Use it:\n\n    {FENCE}\n    a()\n    {FENCE}\n    """\n'
    assert written(f"FILE: a.py\n{FENCE}python\n{body}{FENCE}\n") == {"a.py": body}
    listed = f"1. `a.py`:\n\n   {FENCE}python\n   x = 1\n   if x:\n       y = 2\n   {FENCE}\n"
    assert written(listed) == {"a.py": "x = 1\nif x:\n    y = 2\n"}


def test_a_longer_fence_within_a_shorter_one() -> None:
    body = f"# Use\n````markdown\n{FENCE}\nx\n{FENCE}\n````\nend\n"
    assert written(f"FILE: GUIDE.md\n{FENCE}markdown\n{body}{FENCE}\n") == {"GUIDE.md": body}


def test_a_block_that_was_not_closed_before_the_next_is_no_file() -> None:
    assert not_written(f"### a.py\n{FENCE}python\nx\n### b.py\n{FENCE}python\ny\n{FENCE}\n")


# Names


@pytest.mark.parametrize(
    "head",
    [
        f"## File 1: `src/n.py`\n{FENCE}python",
        f"### 2. Create `src/n.py` - the new module\n\n{FENCE}python",
        f"**Now `src/n.py`:**\n{FENCE}python",
        f"{FENCE}python filename=src/n.py",
        f"{FENCE}python {{path=src/n.py}}",
        f"{FENCE}python (src/n.py)",
        f"{FENCE}python\n# File: src/n.py",
        f"{FENCE}python\n// src/n.py",
        f"<!-- src/n.py -->\n{FENCE}python",
    ],
)
def test_where_a_file_is_named(head: str) -> None:
    assert written(f"{head}\nx = 1\n{FENCE}\n") == {"src/n.py": "x = 1\n"}


def test_what_only_speaks_of_a_file_names_none() -> None:
    text = f"Now `src/x.py` can use it like this:\n{FENCE}python\nfrom n import m\n{FENCE}\n"
    assert not parse(text).files


# Diffs

HUNK = "@@ -4,2 +4,2 @@ import os\n def a():\n-    return 1\n+    return 2\n"
AFTER = BEFORE.replace("1", "2", 1)


@pytest.mark.parametrize(
    "header",
    [
        "--- a/src/x.py\n+++ b/src/x.py\n",
        "--- src/x.py\n+++ src/x.py\n",
        "--- a/src/x.py\t2024-05-01 10:00:00\n+++ b/src/x.py\t2024-05-01 10:00:01\n",
        "--- src/x.py 2024-05-01 10:00:00.1 +0000\n+++ src/x.py 2024-05-01 10:00:00.1 +0000\n",
        "--- i/src/x.py\n+++ w/src/x.py\n",
        "--- old/src/x.py\n+++ new/src/x.py\n",
        "--- a/src/x.py\n+++ a/src/x.py\n",
        "diff --git a/src/x.py b/src/x.py\nindex 12..34 100644\n--- a/src/x.py\n+++ b/src/x.py\n",
        "diff --git a/src/x.py b/src/x.py\n",
        "Index: src/x.py\n===================\n--- src/x.py\n+++ src/x.py\n",
        "+++ b/src/x.py\n",
        "--- a/src/x.py\n",
        '--- "a/src/x.py"\n+++ "b/src/x.py"\n',
    ],
)
@pytest.mark.parametrize("language", ["diff", "patch"])
def test_a_diff_is_applied_to_the_file_that_its_header_names(header: str, language: str) -> None:
    assert written(f"Change it:\n\n{FENCE}{language}\n{header}{HUNK}{FENCE}\n") == {"src/x.py": AFTER}


@pytest.mark.parametrize("opening", [f"{FENCE}\n", f"{FENCE}python\n", "", f"### src/x.py\n{FENCE}\n"])
def test_a_diff_need_not_be_called_one(opening: str) -> None:
    text = f"{opening}--- a/src/x.py\n+++ b/src/x.py\n{HUNK}"
    assert written(f"{text}{FENCE}\n" if opening else f"{text}\nDone.\n") == {"src/x.py": AFTER}


@pytest.mark.parametrize(
    "hunk",
    [
        "@@ -40,9 +41,17 @@\n def a():\n-    return 1\n+    return 2\n",
        "@@ ... @@\n def a():\n-    return 1\n+    return 2\n",
        "@@\n def a():\n-    return 1\n+    return 2\n",
        "@@ def a():\n-    return 1\n+    return 2\n",
        "@@ -4,1 +4,1 @@\n def a():\n-    return 1\n+    return 2\n \n \n",
        "@@ -4,2 +4,2 @@\ndef a():\n-    return 1\n+    return 2\n",
        "@@ -4,2 +4,2 @@\n def a():\n-    return 1\n+    return 2\n-- \n2.39.0\n",
    ],
)
def test_hunks_as_models_write_them(hunk: str) -> None:
    assert written(f"{FENCE}diff\n--- a/src/x.py\n+++ b/src/x.py\n{hunk}{FENCE}\n") == {"src/x.py": AFTER}


@pytest.mark.parametrize(
    "hunk",
    [
        "@@ ... @@\n-    return 1\n+    return 2\n",  # in two places
        "@@ -50 +50 @@\n-    return 1\n+    return 2\n",
        "@@ -4,1 +4,1 @@\n def a():\n\n-    return 1\n+    return 2\n",  # the count hides the change
        "@@ -1,2 +1,2 @@\n def a():\n-    return 9\n+    return 2\n",
        "@@ def c():\n-    return 1\n+    return 2\n",
        "",
    ],
)
def test_a_diff_that_does_not_say_where_is_a_finding(hunk: str) -> None:
    assert not_written(f"{FENCE}diff\n--- a/src/x.py\n+++ b/src/x.py\n{hunk}{FENCE}\n") == [("src/x.py", "patch")]


def test_several_files_and_hunks_in_one_fence() -> None:
    text = (
        f"{FENCE}diff\n--- a/src/x.py\n+++ b/src/x.py\n@@ def a():\n-    return 1\n+    return 2\n"
        "@@ def b():\n-    return 1\n+    return 3\n"
        "--- a/README.md\n+++ b/README.md\n@@ -1 +1,2 @@\n # Old\n+New\n"
        "--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+x = 1\n"
        "--- a/m.py\n+++ b/m.py\n@@ -0,0 +1 @@\n+x = 2\n"
        f"diff --git a/empty/__init__.py b/empty/__init__.py\nnew file mode 100644\nindex 000..000\n{FENCE}\n"
    )
    assert written(text) == {
        "src/x.py": AFTER[:-2] + "3\n",
        "README.md": "# Old\nNew\n",
        "n.py": "x = 1\n",
        "m.py": "x = 2\n",
        "empty/__init__.py": "",
    }


@pytest.mark.parametrize(
    ("diff", "path"),
    [
        ("--- a/src/x.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-import os\n", "src/x.py"),
        ("diff --git a/src/x.py b/y.py\nsimilarity index 100%\nrename from src/x.py\nrename to y.py\n", "y.py"),
        ("diff --git a/src/x.py b/src/x.py\ndeleted file mode 100644\n", "src/x.py"),
        ("diff --git a/i.png b/i.png\nindex 1..2\nBinary files a/i.png and b/i.png differ\n", "i.png"),
        ("diff --git a/src/x.py b/src/x.py\nold mode 100644\nnew mode 100755\n", "src/x.py"),
        ("@@ -1 +1 @@\n-import os\n+import sys\n", ""),
    ],
)
def test_what_a_diff_cannot_do_here_is_a_finding(diff: str, path: str) -> None:
    assert not_written(f"{FENCE}diff\n{diff}{FENCE}\n") == [(path, "patch")]


def test_names_that_git_quotes() -> None:
    files = {"caf\u00e9 a.md": "x\n"}
    diff = '--- "a/caf\\303\\251 a.md"\n+++ "b/caf\\303\\251 a.md"\n@@ -1 +1 @@\n-x\n+y\n'
    assert written(f"{FENCE}diff\n{diff}{FENCE}\n", files) == {"caf\u00e9 a.md": "y\n"}


# The envelope of apply_patch

ENVELOPE = (
    "*** Begin Patch\n*** Update File: src/x.py\n@@ def a():\n-    return 1\n+    return 2\n"
    "*** Add File: n.py\n+x = 1\n+\n+y = 2\n*** End Patch\n"
)


@pytest.mark.parametrize(
    "text", [ENVELOPE, f"Here:\n\n{FENCE}\n{ENVELOPE}{FENCE}\n", f"{FENCE}diff\n{ENVELOPE}{FENCE}\n"]
)
def test_an_envelope(text: str) -> None:
    assert written(text) == {"src/x.py": AFTER, "n.py": "x = 1\n\ny = 2\n"}


@pytest.mark.parametrize(
    "text",
    [
        ENVELOPE.replace("*** End Patch\n", ""),
        "*** Begin Patch\n*** Delete File: src/x.py\n*** End Patch\n",
        "*** Begin Patch\n*** Update File: src/x.py\n*** Move to: y.py\n@@\n-import os\n+x\n*** End Patch\n",
        "*** Begin Patch\n*** Add File: n.py\nx = 1\n*** End Patch\n",
    ],
)
def test_an_envelope_that_is_cut_or_asks_for_more_is_a_finding(text: str) -> None:
    assert not_written(text)


# Search/replace blocks


def test_blocks_name_their_files_themselves() -> None:
    block = "<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n"
    first, second = block.format("import os", "import sys"), block.format("# Old", "# New")
    changed = {"src/x.py": BEFORE.replace("os", "sys"), "README.md": "# New\n"}
    assert written(f"{FENCE}\nsrc/x.py\n{first}\nREADME.md\n{second}{FENCE}\n") == changed
    assert written(f"src/x.py\n{FENCE}python\n{first}{FENCE}\n\nREADME.md\n{FENCE}\n{second}{FENCE}\n") == changed
    assert written(f"n.py\n{FENCE}python\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE\n{FENCE}\n") == {
        "n.py": "x = 1\n"
    }
    other = "<<<<<<<<< ORIGINAL\n# Old\n=========\n# New\n>>>>>>>>> UPDATED\n"
    assert written(f"README.md\n{FENCE}\n{other}{FENCE}\n") == {"README.md": "# New\n"}


def test_fences_within_a_search_replace_block_are_of_the_file() -> None:
    new = f"# Old\n\n{FENCE}\nrun\n{FENCE}"
    block = f"<<<<<<< SEARCH\n# Old\n=======\n{new}\n>>>>>>> REPLACE\n"
    assert written(f"FILE: README.md\n{FENCE}\n{block}{FENCE}\n") == {"README.md": f"{new}\n"}


# Bytes that no edit names


@pytest.mark.parametrize(
    "before",
    [
        "a = 1\r\nb = 2\r\nc = 3\r\n",
        "a = 1\r\nb = 2\nc = 3\r\n",
        "a = 1\nb = 2\nc = 3",
        "\ta = 1  \nb = 2\n\n\nc = 3\t\n\n",
        "a = 1\rx\nb = 2\n\x0cc = 3\u2028d\n",
    ],
)
def test_what_an_edit_does_not_name_stays(before: str) -> None:
    after = before.replace("b = 2", "b = 5")
    diff = f"{FENCE}diff\n--- a/x.md\n+++ b/x.md\n@@ -2 +2 @@\n-b = 2\n+b = 5\n{FENCE}\n"
    block = f"FILE: x.md\n{FENCE}\n<<<<<<< SEARCH\nb = 2\n=======\nb = 5\n>>>>>>> REPLACE\n{FENCE}\n"
    assert written(diff, {"x.md": before}) == written(block, {"x.md": before}) == {"x.md": after}


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "    x", "\ty ", "-- c", "++ d", "ü", "x = 1"]), max_size=12)


@settings(deadline=None)
@given(LINES, LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(0, 3))
def test_what_is_told_as_a_diff_comes_back(old: list[str], new: list[str], end: str, ended: bool, form: int) -> None:
    before, after = (end.join(lines) + (end if ended and lines else "") for lines in (old, new))
    diff = unified_diff(before, after, "x.md")
    if not diff or end not in before or not after.strip():  # nothing else says what ends its lines have
        return
    told = (
        f"{FENCE}diff\n{diff}\n{FENCE}\n",
        f"Do:\n\n{diff}",
        f"diff --git a/x.md b/x.md\n{diff}",
        f"~~~patch\n{diff}\n~~~",
    )[form]
    assert written(told.replace("\r\n", "\n") if form % 2 else told, {"x.md": before}) == {"x.md": after}


MARKS = st.sampled_from([
    "```", "~~~", "\n", "FILE: ../x.py\n", "FILE: a.py\n", "rename to ~/x\n", "--- a/../../etc/x\n",
    "+++ b/.git/config\n", "@@ -1 +1 @@\n", "@@\n", "-a\n", "+b\n", " c\n", "<<<<<<< SEARCH\n", "=======\n",
    ">>>>>>> REPLACE\n", "*** Begin Patch\n", "a", "\\", "*** Add File: /x\n", "*** Update File: a.py\n",
    "*** End Patch\n", "<think>", "</think>", "<file path=\"C:\\x\">\n", "md", "</file>\n", "# ...\n",
    "{\"files\": [", "{\"path\": \"../a\", \"content\": \"x\"}", "diff --git a/a.py b/a.py\n", "\r\n", "\ufeff",
])  # fmt: skip


@settings(deadline=None)
@given(st.lists(MARKS, max_size=30))
def test_no_text_is_written_outside_of_the_repository(parts: list[str]) -> None:
    draft = drafted("".join(parts), {"a.py": "a\nc\n"})
    for file in draft.files:
        names = file.path.split("/")
        assert not {"", ".", "..", ".git"}.intersection(names)
        assert not file.path.startswith("~")
        assert ":" not in file.path
