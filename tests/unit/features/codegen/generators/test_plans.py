"""Plans as models tell them, and the portions that they are written in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.codegen.generators.plans import NoPlan, portions, read_plan, single_shot
from services.features.codegen.values import Constraints, Plan, PlannedFile, Repository, Task
from tests.unit.features.codegen.generators.values import PLAN, task

TASK = task()
EXPECTED = (PlannedFile("app/greet.py", "create", "greets"), PlannedFile("app/hello.py", "edit", "uses it"))


def plan_of(text: str, wished: Task = TASK) -> Plan:
    plan = read_plan(text, wished)
    assert isinstance(plan, Plan), plan
    return plan


@pytest.mark.parametrize(
    "text",
    [
        PLAN,
        f"Sure! Here is the plan [as JSON]:\n```json\n{PLAN}\n```\nDone.",
        f'{{"plan": {PLAN}}}',
        PLAN[PLAN.index("[") : -1],
        PLAN.replace('"uses it"}', '"uses it",},'),
        "1. create app/greet.py: greets\n2. edit `app/hello.py`: uses it",
        "- **Create** `app/greet.py` - greets\n- **Modify** `app/hello.py` - uses it",
    ],
)
def test_reads_what_models_write(text: str) -> None:
    assert plan_of(text).files == EXPECTED


def test_the_repository_says_what_is_new() -> None:
    text = PLAN.replace('"create"', '"x"').replace('"edit"', '"create"')
    assert [file.action for file in plan_of(text).files] == ["create", "edit"]


def test_names_what_may_be_written_only() -> None:
    paths = ["../../etc/passwd", "/root/.ssh/id", ".git/hooks/post-checkout", "app/a.py", "app/a.py", "web/x.js"]
    text = json.dumps({"files": paths})
    assert [file.path for file in plan_of(text, task(constraints=Constraints(paths=("app/**",)))).files] == ["app/a.py"]


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    text = PLAN.replace('"greets"', '"greets \\ud83d"')
    assert plan_of(text).files[0].purpose == "greets \ufffd"
    assert plan_of("create app/greet.py: greets \ud83d").files[0].purpose == "greets \ufffd"


def test_a_file_is_planned_as_the_repository_spells_it() -> None:
    own = "cafe\u0301.md"
    wished = task({own: "one\n"})
    told = json.dumps({"files": [{"path": "caf\u00e9.md", "action": "edit", "purpose": ""}]})
    assert plan_of(told, wished).files == (PlannedFile(own, "edit"),)


def test_no_more_files_than_allowed() -> None:
    text = '{"files": ["a.py", "b.py", "c.py"]}'
    assert len(plan_of(text, task(constraints=Constraints(max_files=2))).files) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "could be read"),
        ("I cannot help with that.", "could be read"),
        ('{"files": []}', "names no file"),
        ('{"files": [{"name": 1}, 3, null]}', "names no file"),
        ('{"files": ["../x"]}', "may be written"),
        (PLAN[:-20], "cut before its end"),
        ("[" * 100_000, "could be read"),
    ],
)
def test_says_why_there_is_no_plan(text: str, reason: str) -> None:
    told = read_plan(text, TASK)
    assert isinstance(told, NoPlan)
    assert reason in told.reason


@given(st.text() | st.text(alphabet='{}[]",:filespathx \n').map(lambda text: '{"files": ' + text))
def test_never_raises(text: str) -> None:
    assert isinstance(read_plan(text, TASK), Plan | NoPlan)


@given(st.integers(1, 30), st.integers(256, 20_000), st.integers(0, 40_000))
def test_every_file_is_in_one_portion_and_in_order(number: int, tokens: int, size: int) -> None:
    files = tuple(PlannedFile(f"f{index}.py", "edit" if index % 2 else "create") for index in range(number))
    parts = portions(Plan("", files), Repository({"f1.py": "x" * size, "f3.py": ""}), tokens)
    assert tuple(file for part in parts for file in part) == files
    assert all(parts)


def test_a_small_plan_is_written_at_once_and_a_large_one_is_not() -> None:
    few = Plan("", tuple(PlannedFile(f"{index}.py", "create") for index in range(3)))
    assert len(portions(few, Repository({}), 8_000)) == 1
    many = Plan("", tuple(PlannedFile(f"{index}.py", "create") for index in range(20)))
    assert len(portions(many, Repository({}), 8_000)) == 5
    assert portions(single_shot("x"), Repository({}), 8_000) == ((),)
