"""What each line of a diff is."""

from services.console.views.diffs import MOST_LINES, lines_of

DIFF = """--- a/app.py
+++ b/app.py
@@ -1,3 +1,3 @@
 same
-old
+new
--- looks like a head
"""


def test_each_line_is_told_by_how_it_begins_and_where_it_stands() -> None:
    kinds = [line.kind for line in lines_of(DIFF)]

    assert kinds == ["head", "head", "place", "same", "removed", "added", "removed"]


def test_no_other_character_breaks_a_line() -> None:
    text = "+a\x0bb\x1b[31m\u2028c"
    assert [line.text for line in lines_of(f"@@ -0,0 +1 @@\n{text}\n")] == ["@@ -0,0 +1 @@", text]


def test_what_is_very_long_is_cut_and_says_so() -> None:
    lines = lines_of("@@ -0,0 +1,3000 @@\n" + "+x\n" * 3000)

    assert len(lines) == MOST_LINES + 1
    assert (lines[-1].kind, lines[-1].text) == ("more", "1,001 more lines are not shown")


def test_nothing_is_nothing() -> None:
    assert lines_of("") == []
