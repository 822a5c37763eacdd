import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.codegen.answers import continued, parse
from services.features.codegen.patches import Edit
from tests.support.cpu_time import linear_fault

FENCE = "```"
ANSWER = {
    "files": [
        {"path": "a.py", "action": "create", "content": "x = 1\n"},
        {"path": "b.py", "action": "edit", "edits": [{"search": "1", "replace": "2"}]},
        {"path": "c.py", "action": "edit", "patch": "@@ -1 +1 @@\n-a\n+b\n"},
    ],
    "summary": "Adds a.",
    "integration_instructions": ["import a"],
    "next_steps": ["test it"],
    "estimated_impact": "small",
}


def paths(text: str) -> list[str]:
    return [file.path for file in parse(text).files]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ANSWER),
        f"Here it is:\n{FENCE}json\n{json.dumps(ANSWER, indent=2)}\n{FENCE}\nEnjoy {{x}}!",
        f"Sure! {json.dumps(ANSWER)} Done.",
        json.dumps(ANSWER)[:-1] + ",}",
        json.dumps(ANSWER).replace("}]}", "},],}"),
        json.dumps(ANSWER, indent=1).replace("\\n", "\n"),
        json.dumps({"result": ANSWER}),
        "\ufeff" + json.dumps(ANSWER),
        json.dumps({"plan": {"steps": [1]}} | ANSWER),
    ],
)
def test_structured(text: str) -> None:
    answer = parse(text)
    assert [file.path for file in answer.files] == ["a.py", "b.py", "c.py"]
    assert answer.files[0].content == "x = 1\n"
    assert answer.files[1].edits == (Edit("1", "2"),)
    assert answer.files[2].patch == "@@ -1 +1 @@\n-a\n+b\n"
    assert (answer.summary, answer.estimated_impact) == ("Adds a.", "small")
    assert (answer.integration_instructions, answer.next_steps) == (("import a",), ("test it",))
    assert not answer.cut
    assert not answer.findings


def test_other_shapes_of_json() -> None:
    assert paths(json.dumps(ANSWER["files"])) == ["a.py", "b.py", "c.py"]
    assert paths('{"path": "a.py", "content": "x"}') == ["a.py"]
    assert paths('{"files": {"a.py": "x", "b.py": {"content": "y"}}}') == ["a.py", "b.py"]
    assert paths(f'{FENCE}json\n{{"src/a.py": "x\\n", "b.c.ts": "y\\nz"}}\n{FENCE}') == ["src/a.py", "b.c.ts"]
    assert paths(f'{FENCE}json\n{{"./a.js": "./b.js"}}\n{FENCE}') == []
    assert parse('{"a.py": "x\\n", "b.py": "y').cut
    assert parse(r'{"files": [{"path": "a.py", "content": "re.match(\d+)"}]}').files[0].content == r"re.match(\d+)"


def test_at_every_cut_only_whole_files_are_taken_and_the_join_is_the_whole() -> None:
    text = json.dumps(ANSWER)
    whole = parse(text)
    for at in range(1, len(text)):
        answer = parse(text[:at])
        assert answer.files == whole.files[: len(answer.files)]
        if len(answer.files) < 3 and '"files": [' in text[:at]:
            assert answer.cut
        assert parse(continued(text[:at], text[at:])) == whole, at
        if at >= 20:
            assert parse(continued(text[:at], text[max(0, at - 40) :])) == whole, at
    assert parse(text[: text.index("edits")]).cut_path == "b.py"


@pytest.mark.parametrize("half", ["\\ud83d", "\\uDE00", "\ud83d"])
def test_half_of_a_surrogate_pair_is_replaced(half: str) -> None:
    text = f'{{"files": [{{"path": "a.py", "content": "\\ud83d\\ude00 \\\\ud83d {half}"}}], "summary": "ok {half}"}}'
    for told in (text, text.replace("}]", "},]")):
        answer = parse(told)
        assert answer.files[0].content == "\U0001f600 \\ud83d \ufffd"
        assert answer.summary == "ok \ufffd"
        assert orjson.dumps([answer.summary, answer.files[0].content])
    fenced = parse(f"### a.py\n{FENCE}python\nx = '{half}'\n{FENCE}\n").files[0]
    assert fenced.content == f"x = '{half}'\n".replace("\ud83d", "\ufffd")


def test_wrong_entries_are_findings() -> None:
    answer = parse(
        '{"files": [1, {"path": "a"}, {"path": "b", "action": "delete", "content": ""}, {"path": "c", "edits": [1]}]}'
    )
    assert [(one.path, one.kind) for one in answer.findings] == [
        ("", "empty"), ("a", "empty"), ("b", "path"), ("c", "patch"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "head",
    [
        f"### src/a.py\n{FENCE}python",
        f"### `src/a.py`\n\nThe code:\n\n{FENCE}python",
        f"File: src/a.py\n{FENCE}",
        f"**File: `src/a.py`**\n{FENCE}py",
        "**src/a.py**\n~~~python",
        f"1. `src/a.py` (new)\n{FENCE}python",
        f"// src/a.py\n{FENCE}python",
        f"{FENCE}python\n# src/a.py",
        f"{FENCE}python path=src/a.py",
        f'{FENCE}python title="src/a.py"',
        f"{FENCE}python:src/a.py",
        f"{FENCE}python src/a.py",
        f"{FENCE}src/a.py",
        f"Create: src/a.py\n{FENCE}{FENCE}python",
        '<file path="src/a.py">',
        f'<file path="src/a.py">\n{FENCE}python',
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_path_markers(head: str, end: str) -> None:
    fence = "~~~" if "~~~" in head else FENCE * 2 if FENCE * 2 in head else FENCE
    tail = ([fence] if fence in head else []) + (["</file>"] if "<file" in head else [])
    text = end.join([*head.split("\n"), "x = 1", "", "y = 2", *tail, "That is all."])
    answer = parse(text)
    assert [(file.path, file.content) for file in answer.files] == [("src/a.py", "x = 1\n\ny = 2\n")]
    assert not answer.cut


def test_fences_within_markdown_files() -> None:
    inner = f"# Use\n{FENCE}bash\nrun\n{FENCE}\nend\n"
    for outer in ("````markdown", f"{FENCE}markdown"):
        mark = outer.removesuffix("markdown")
        assert parse(f"### README.md\n{outer}\n{inner}{mark}\n").files[0].content == inner


def test_prompt_text_within_files_makes_no_files() -> None:
    code = 'PROMPT = """\n### evil.py\nFile: evil.py\n'
    code += '<file path="evil.py">\nx\n</file>\n--- a/e\n+++ b/e\n@@ -1 +1 @@\n"""'
    code += '\nJ = \'{"files": [{"path": "evil.py", "content": "x"}]}\'\n'
    assert paths(f"### a.py\n{FENCE}python\n{code}{FENCE}\n") == ["a.py"]
    assert paths(
        json.dumps({"files": [{"path": "a.py", "content": f"{code}\n{FENCE}python evil.py\nx\n{FENCE}"}]})
    ) == ["a.py"]


def test_a_shell_block_is_no_file_and_blocks_without_a_path_are_none() -> None:
    text = (
        f"### a.py\nInstall:\n{FENCE}bash\npip install x\n{FENCE}\n{FENCE}python\nx\n{FENCE}\n{FENCE}python\ny\n{FENCE}"
    )
    assert [(file.path, file.content) for file in parse(text).files] == [("a.py", "x\n")]


def test_diffs_fenced_and_not() -> None:
    diff = (
        "diff --git a/x.py b/x.py\nindex 1..2 100644\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n\n"
        "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+n\n"
    )
    for text in (f"Patch:\n\n{diff}\n- done\n", f"{FENCE}diff\n{diff}{FENCE}\n"):
        answer = parse(text)
        assert [(file.path, file.action) for file in answer.files] == [("x.py", "edit"), ("new.py", "create")]
        assert "done" not in str(answer.files)
    named = parse(f"### x.py\n{FENCE}diff\n@@ -1 +1 @@\n-a\n+b\n{FENCE}")
    assert named.files[0].patch == "@@ -1 +1 @@\n-a\n+b"
    assert parse("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n").findings[0].kind == "patch"


def test_search_replace_blocks() -> None:
    text = f"### x.py\n{FENCE}\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n{FENCE}\n"
    assert parse(text).files[0].edits == (Edit("a\n", "b\n"),)
    assert parse(text.replace(">>>>>>> REPLACE\n", "")).findings[0].kind == "patch"


BLOCK = "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"
MANY_DIVIDERS = "\n".join(["======="] * 30)
HEADING = "Install\n=======\n"


def test_search_replace_blocks_without_a_fence() -> None:
    answer = parse(f"FILE: a.py\n{BLOCK}\n{BLOCK}Then:\n\nb.py\n{BLOCK}")
    assert [(one.path, len(one.edits)) for one in answer.files] == [("a.py", 2), ("b.py", 1)]
    assert not answer.cut
    assert parse(f"FILE: a.py\n{BLOCK[:-20]}").cut_path == "a.py"


def test_search_replace_blocks_that_cannot_be_read_are_findings() -> None:
    for text in (
        f"Some prose.\n{FENCE}\n{BLOCK}{FENCE}\n",
        f"Some prose.\n\n{BLOCK}",
        f"FILE: a.py\n{FENCE}\n{BLOCK.replace('=======', 'c')}{FENCE}\n",
        f"FILE: a.py\n{FENCE}\n<<<<<<< SEARCH\na\n{BLOCK}{FENCE}\n",
        f"FILE: a.py\n{FENCE}\n{BLOCK.replace('=======', MANY_DIVIDERS)}{FENCE}\n",
    ):
        answer = parse(text)
        assert not answer.files, text
        assert [one.kind for one in answer.findings] == ["patch"], text


def test_a_search_replace_block_with_a_heading_keeps_both_ways_to_read_it() -> None:
    text = f"FILE: a.rst\n{FENCE}\n{BLOCK.replace('b', f'{HEADING}b')}{FENCE}\n"
    assert parse(text).files[0].edits == (Edit("a\n", f"{HEADING}b\n", "======="),)


@pytest.mark.parametrize("path", [".env.example", "Procfile", "bin/run", "scripts/deploy", "setup.cfg"])
def test_a_declared_file_is_one_whatever_its_fence_says(path: str) -> None:
    assert paths(f"FILE: {path}\n{FENCE}bash\nweb: run\n{FENCE}\n") == [path]


def test_a_path_alone_directly_above_a_block_names_it() -> None:
    assert paths(f"Some prose:\n\nsrc/a.py\n{FENCE}python\nx = 1\n{FENCE}\n") == ["src/a.py"]
    assert parse(f"src/a.py\n{FENCE}python\n{BLOCK}{FENCE}\n").files[0].edits == (Edit("a\n", "b\n"),)
    assert paths(f"src/a.py\n\nSee above.\n\n{FENCE}python\nx = 1\n{FENCE}\n") == []


@pytest.mark.parametrize("heading", ["INTEGRATION INSTRUCTIONS:", "## Next steps", "**Integration instructions**"])
def test_advice_shows_lines_and_makes_no_files(heading: str) -> None:
    snippet = f"{FENCE}toml\nkey = 1\n{FENCE}\n"
    text = f"{heading}\n- Add this:\n{snippet}- settings.toml\n{snippet}other.toml\n{FENCE}toml\n# c.toml\nx\n{FENCE}\n"
    assert paths(text) == []
    assert paths(f"{text}FILE: d.toml\n{snippet}") == ["d.toml"]
    assert paths(f"{text}### e.toml\n{snippet}") == ["e.toml"]


def test_a_summary_may_stand_before_files() -> None:
    assert paths(f"**Summary:** It adds.\n\n**src/a.py**\n{FENCE}python\nx\n{FENCE}\n") == ["src/a.py"]


def test_mixed_formats_and_sections() -> None:
    text = f"{json.dumps(ANSWER)}\n\n### d.py\n{FENCE}python\nd\n{FENCE}\n## Next steps\n- one\n- two\n"
    answer = parse(text)
    assert [file.path for file in answer.files] == ["a.py", "b.py", "c.py", "d.py"]
    assert answer.next_steps == ("test it", "one", "two")
    assert parse("## Summary\nIt adds.\n## Integration instructions:\n1. Do\n").integration_instructions == ("Do",)


def test_a_cut_block_is_continued() -> None:
    body = "".join(f"line_{number} = {number}\n" for number in range(30))
    text = f"### a.py\n{FENCE}python\n{body}{FENCE}\n### b.py\n{FENCE}python\n{body}{FENCE}\n"
    whole = parse(text)
    start = text.index("### b.py") + 20
    for at in range(start, len(text) - 4):
        first, rest = text[:at], text[at:]
        assert parse(first).cut
        assert parse(first).cut_path == "b.py"
        again = text[text.rfind("\n", 0, at) + 1 :]
        line = again.split("\n")[0]
        for joined in (rest, again) if line and at - (len(text) - len(again)) > 3 else (rest,):
            assert parse(continued(first, joined)) == whole, (at, joined)
    at = text.rindex("line_15")
    for rest in (f"{FENCE}python\n{text[at:]}", f"Continuing:\n\n{FENCE}python\n{text[at:]}", f"{FENCE}\n{text[at:]}"):
        assert parse(continued(text[:at], rest)) == whole
    assert continued(text[: len(text) // 2], text) == text
    assert parse(continued(text[: -len(FENCE) - 1], f"{FENCE}\n")) == whole


@given(st.text())
def test_any_text(text: str) -> None:
    parse(text)
    continued(text, text[::-1])


@given(st.text(alphabet='`~#{}[]":,\n \\<>/file=path+-@abu0'), st.text(alphabet='`~\n{}"\\a'))
def test_any_marks(text: str, rest: str) -> None:
    parse(text)
    parse('{"files": [' + text)
    continued(text, rest)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["files", "path", "content", "edits", "patch"]), inner)
    ),
    max_leaves=20,
)


@given(JSON, st.integers(0, 200))
def test_any_json(value: Any, cut: int) -> None:
    parse(json.dumps(value))
    parse(json.dumps({"files": value})[: -cut or None])


JUNK = [
    "{",
    "[",
    '{"',
    '{"files":[',
    '{"a":',
    "[{",
    '"',
    "\\",
    "`",
    "```",
    "```\n",
    "```md\n```x\n",
    "~~~\n",
    "# a.py\n",
    " ",
    "\n",
    "- ",
    "1.",
    "*",
    "<file ",
    '<file path="a">\n',
    "</file>\n",
    "--- a\n+++ b\n@@\n",
    "@@ -1 +1 @@\n",
    "diff --git \n",
    "File: ",
    "a",
    "{ ",
    "[ \n",
    '{"files":[{"path":"a","content":"',
    '\\"',
    ",",
    '{"path":1,',
    "path=",
    "(new)",
    "**a.py**\n",
    "\t",
    "é",
    "\ud800",
    "\\ud800",
    "\\ud800\\\\",
    "a.py\n```\n",
    "<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n",
    "<<<<<<< SEARCH\n",
    "summary",
    "// ",
    '"\\',
    "1,",
    "[1,",
    "{}",
    '{"files":[]}',
    "\r\n",
    "tru",
    "<think>",
    "<think>\n</think>\n",
    "</think>\n",
    "*** Begin Patch\n",
    "*** Update File: a\n@@ a\n-a\n",
    "```diff\n--- a\n+++ b\n-a\n```\n",
    "```\n<<<<<<< SEARCH\n```\n",
    "### `a.py` `b.py` \n",
    "+++ b/a\n",
    "```x\n",
    "`" * 400 + "\n",
]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("head", ["", '{"files": [', '{"files": [{"path": "a", "content": "', "### a.md\n```md\n"])
def test_no_junk_keeps_a_worker_busy(junk: str, head: str) -> None:
    assert not linear_fault(parse, junk, head)
    assert not linear_fault(lambda text: continued(text, text[: len(text) // 4]), junk, head)
