import difflib
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.codegen.patches import Edit, apply_edits, apply_unified, unified_diff

TEXT = "def a():\n    return 1\n\n\ndef b():\n    return 2\n"

LINES = st.lists(st.sampled_from(["a", "b", "", "    x", "-- c", "++ d", "@@ e", "\f", "ü", " "]), max_size=12)


def text_of(lines: list[str], newline: bool) -> str:
    return "\n".join(lines) + ("\n" if newline and lines else "")


def reason(found: object) -> str:
    assert isinstance(found, tuple)
    return str(found[0].message)


def test_an_edit_that_occurs_once() -> None:
    assert apply_edits(TEXT, [Edit("return 1", "return 3")]) == TEXT.replace("1", "3")


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("return 9", "nearest is line 2: 'return 1'"),
        ("return", "occurs in lines 2, 6"),
        ("", "is empty"),
        ("    return 1\n\n\ndef c():", "does not occur"),
    ],
)
def test_an_edit_that_does_not_fit_says_why(search: str, expected: str) -> None:
    found = apply_edits(TEXT, [Edit(search, "x")], "m.py")
    assert expected in reason(found)


def test_all_edits_that_do_not_fit_are_told_and_nothing_is_changed() -> None:
    found = apply_edits(TEXT, [Edit("nope", ""), Edit("return 1", "x"), Edit("neither", "")])
    assert isinstance(found, tuple)
    assert [one.message.split(":")[0] for one in found] == ["edit 1", "edit 3"]


def test_spaces_and_indentation_are_forgiven_where_one_place_fits() -> None:
    before = "class A:\n    def a(self):  \n        return 1\n"
    edit = Edit("def a(self):\n    return 1\n", "def a(self):\n    if x:\n\n        return 2\n")
    assert apply_edits(before, [edit]) == "class A:\n    def a(self):\n        if x:\n\n            return 2\n"


def test_indentation_is_not_forgiven_where_two_places_fit_or_the_shape_differs() -> None:
    twice = "if a:\n  x = 1 \nif b:\n    x = 1 \n"
    assert "fits 2 places" in reason(apply_edits(twice, [Edit("x = 1\n", "y\n")]))
    assert isinstance(apply_edits("a:\n  b\n", [Edit("a:\n      b\n      c", "")]), tuple)


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        (
            "def f(v):\n    return v\n",
            Edit("return v\n", "v += 1\nreturn v\n"),
            "def f(v):\n    v += 1\n    return v\n",
        ),
        (
            "def f(v):\n    return v\n",
            Edit("return v", "v += 1\nreturn v"),
            "def f(v):\n    v += 1\n    return v\n",
        ),
        ("max_x = 1\nx = 1\n", Edit("x = 1", "x = 2"), "max_x = 1\nx = 2\n"),
        ("max_x = 1\nx = 1\n", Edit("x = 1\n", "x = 2\n"), "max_x = 1\nx = 2\n"),
        ("x = 1\nx = 12\n", Edit("x = 1", "x = 3"), "x = 3\nx = 12\n"),
        ("a = 1\nb = 2\n", Edit("a = 1\n", "a = 3"), "a = 3\nb = 2\n"),
        ("f(a, b)\n", Edit("a, b", "b, a"), "f(b, a)\n"),
        ("これは日本です\n", Edit("日本", "東京"), "これは東京です\n"),
        (
            "class A:\n    def a(self):\n        return 1\n",
            Edit("def a(self):\n        return 1\n", "def a(self):\n        b()\n        return 2\n"),
            "class A:\n    def a(self):\n        b()\n        return 2\n",
        ),
    ],
)
def test_an_edit_changes_whole_lines_or_words_of_one(before: str, edit: Edit, after: str) -> None:
    assert apply_edits(before, [edit]) == after


@pytest.mark.parametrize(
    ("before", "edit"),
    [
        ("max_x = 1\n", Edit("x = 1", "x = 2")),
        ("max_x = 1\n", Edit("x = 1\n", "x = 2\n")),
        ("def f(v):  # all\n    pass\n", Edit("def f(v):", "def f(v):\n    log()")),
        ("a = 1\nb = 20\n", Edit("a = 1\nb = 2", "c = 1\nd = 2")),
        ("class A:\n    if a:\n        b()\n", Edit("if a:\n        b()\n", "x = 1\nif a:\n        b()\n")),
        ("x = 1\n    x = 1\n", Edit("x = 1\n", "x = 2\n")),
    ],
)
def test_an_edit_that_would_cut_a_line_or_lose_indentation_is_refused(before: str, edit: Edit) -> None:
    assert isinstance(apply_edits(before, [edit]), tuple)


DIVIDER = "======="
RST = f"Install\n{DIVIDER}\npip\n\nLicense\n{DIVIDER}\nMIT\n"


@pytest.mark.parametrize(
    ("edit", "after"),
    [
        (Edit("MIT\n", f"MIT\n\nSupport\n{DIVIDER}\nnone\n", DIVIDER), f"{RST}\nSupport\n{DIVIDER}\nnone\n"),
        (
            Edit("Install\n", f"pip\n{DIVIDER}\nInstall\n{DIVIDER}\nuv\n", DIVIDER),
            RST.replace("pip", "uv"),
        ),
    ],
)
def test_a_block_with_headings_is_divided_where_the_file_says(edit: Edit, after: str) -> None:
    assert apply_edits(RST, [edit]) == after


def test_a_block_that_can_be_divided_nowhere_is_a_finding() -> None:
    found = apply_edits(RST, [Edit("BSD\n", f"MIT\n{DIVIDER}\nX\n", DIVIDER)])
    assert "more than once" in reason(found)
    twice = apply_edits("a\nb\na\n", [Edit("a\n", f"c\n{DIVIDER}\nd\n", DIVIDER)])
    assert "more than once" in reason(twice)


def test_a_file_with_crlf_keeps_it() -> None:
    crlf = TEXT.replace("\n", "\r\n")
    assert apply_edits(crlf, [Edit("def a():\n    return 1", "A = 1\nB = 2")]) == (
        "A = 1\r\nB = 2\r\n\r\n\r\ndef b():\r\n    return 2\r\n"
    )
    patch = unified_diff(TEXT, TEXT.replace("1", "3\n    # more"), "m.py")
    assert apply_unified(crlf, patch) == crlf.replace("1", "3\r\n    # more")


def test_lines_of_a_file_with_both_ends_keep_theirs() -> None:
    mixed = "a\r\n  b\r\nc\n"
    assert apply_edits(mixed, [Edit("b\n", "d\ne\n")]) == "a\r\n  d\r\n  e\r\nc\n"
    assert apply_unified(mixed, "@@ -1,2 +1,3 @@\n a\n-  b\n+  d\n+  e\n") == "a\r\n  d\r\n  e\r\nc\n"
    assert apply_unified(mixed, "@@ -3 +3 @@\n-c\n+d\n") == "a\r\n  b\r\nd\n"


def test_a_file_without_a_last_newline_keeps_that() -> None:
    assert apply_edits("a\nb", [Edit("b", "c")]) == "a\nc"
    assert apply_unified("a\nb", "@@ -1,2 +1,2 @@\n-a\n+c\n b\n\\ No newline at end of file\n") == "c\nb"
    assert apply_unified("a\nb", unified_diff("a\nb", "a\nb\n", "x")) == "a\nb\n"


@given(LINES, LINES, st.booleans(), st.booleans())
def test_what_is_told_as_a_diff_can_be_applied(old: list[str], new: list[str], first: bool, last: bool) -> None:
    before, after = text_of(old, first), text_of(new, last)
    patch = unified_diff(before, after, "x")
    if patch:
        assert apply_unified(before, patch) == after


def test_wrong_line_numbers_and_counts_are_forgiven_where_one_place_fits() -> None:
    assert apply_unified(TEXT, "@@ -40,9 +40,7 @@\n def b():\n-    return 2\n+    return 4\n") == TEXT.replace("2", "4")
    assert apply_unified(TEXT, "@@ ... @@\n def b():\n-    return 2\n+    return 4\n") == TEXT.replace("2", "4")
    assert apply_unified(TEXT, "--- a/m\n+++ b/m\n-    return 2\n+    return 4") == TEXT.replace("2", "4")


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ("", "holds no hunk"),
        ("@@ -1 +1 @@\n-def c():\n+x\n", "nearest is line"),
        ("@@ -3,0 +3,1 @@\n+x\n", "no line of context"),
        ("@@ -9 +9 @@\n-\n+x\n", "more than one place, such as lines 3 and 4"),
        ("@@ -5 +5 @@\n-def b():\n+x\n@@ -1 +1 @@\n-def a():\n+y\n", "before the end of an earlier hunk"),
    ],
)
def test_a_patch_that_could_hit_the_wrong_place_is_refused(patch: str, expected: str) -> None:
    assert expected in reason(apply_unified(TEXT, patch, "m.py"))


def test_a_new_file_by_patch() -> None:
    patch = unified_diff(None, "a\nb\n", "x")
    assert patch.startswith("--- /dev/null\n+++ b/x\n")
    assert apply_unified("", patch) == "a\nb\n"


def test_a_diff_is_told_in_seconds_also_of_texts_that_repeat_themselves() -> None:
    chosen = random.Random(1)
    before, after = ("".join(f"{chosen.randrange(101)}\n" for _ in range(130_000)) for _ in range(2))
    started = time.monotonic()
    patch = unified_diff(before, after, "x")
    assert time.monotonic() - started < 60
    assert patch.count("@@ -") == 1
    assert apply_unified(before, patch) == after


@given(LINES, LINES)
def test_a_diff_is_the_one_of_difflib(old: list[str], new: list[str]) -> None:
    before, after = [f"{line}\n" for line in old], [f"{line}\n" for line in new]
    expected = "".join(difflib.unified_diff(before, after, "a/x", "b/x"))
    assert unified_diff("".join(before), "".join(after), "x") == expected


@given(st.text(), st.text(alphabet="+- @\\ab1,\n\r"), st.text())
def test_never_raises(before: str, patch: str, search: str) -> None:
    apply_unified(before, patch)
    apply_unified(before, search)
    apply_edits(before, [Edit(search, patch), Edit(patch, search)])


@pytest.mark.parametrize(
    ("before", "patch"),
    [
        ("a\n" * 100_000, "@@\n a\n" * 50_000),
        ("a\n" * 100_000, "@@ -1 +1 @@\n-a\n+b\n" * 900),
        ("a\nb\n" * 50_000, "@@\n a\n a\n-c\n" * 900),
        ("a\nb\n" * 50_000, "@@\n a\n-a\n" * 900),
        ("a\nb\n" * 50_000, "@@ a\n a\n b\n-a\n" * 900),
        ("a\nb\n" * 50_000, "@@ a\n" * 100_000 + " a\n"),
        ("a\n" * 50_000, "@@ -1,9999999 +1,9999999 @@\n a\n" * 50_000),
        ("x" * 1_000_000, "@@ -1 +1 @@\n-" + "y" * 1_000_000),
    ],
)
def test_hostile_patches_take_little_time(before: str, patch: str) -> None:
    started = time.process_time()
    apply_unified(before, patch)
    assert time.process_time() - started < 20


def test_hostile_edits_take_little_time() -> None:
    before = "".join(f"line {number}\n" for number in range(20_000))
    started = time.process_time()
    assert isinstance(apply_edits(before, [Edit(f"lime {number}", "") for number in range(1_000)]), tuple)
    assert isinstance(apply_edits("a \n" * 50_000, [Edit("a\na", "b")] * 1_000), tuple)
    assert isinstance(apply_edits("ab" * 200_000, [Edit("b", "c")] * 1_000), tuple)
    blocks = [Edit("a\n", f"{DIVIDER}\na\n" * 20, DIVIDER)] * 1_000
    assert isinstance(apply_edits(f"a\n{DIVIDER}\n" * 50_000, blocks), tuple)
    assert time.process_time() - started < 30
