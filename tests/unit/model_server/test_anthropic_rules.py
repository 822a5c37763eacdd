"""What Anthropic refuses, the model server refuses in its words."""

from typing import Any

import pytest

from deploy.model_server.anthropic_rules import broken_rule

HI = {"role": "user", "content": "hi"}
USE = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "ok"}
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]


def body(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "claude", "max_tokens": 100, "messages": [*messages], **more}


def said(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": [*blocks]}


def heard(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [*blocks]}


def called(*uses: Any, results: Any = (RESULT,)) -> dict[str, Any]:
    return body(HI, said(*uses), heard(*results), tools=TOOLS)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    "good",
    [
        body(HI),
        body(HI, said(text("The answer is"))),
        called(USE),
        called(text("let me see"), USE, results=[RESULT, text("and?")]),
        body(HI, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=1025),
    ],
)
def test_what_keeps_to_the_rules_is_answered(good: dict[str, Any]) -> None:
    assert broken_rule(good) is None


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (body(said(text("hello")), HI), 'first message must use the "user" role'),
        (body(HI, HI), "roles must alternate"),
        (body(HI, {"role": "system", "content": "x"}), "messages.1.role"),
        (body(heard()), "non-empty content"),
        (body({"role": "user", "content": ""}), "must be non-empty"),
        (body(heard(text(" \n"))), "non-whitespace"),
        (body(HI, said(text("so "))), "trailing whitespace"),
        (body(HI, said({"type": "thinking", "thinking": "hm", "signature": "s"})), "final block"),
        (body(heard({**text("x"), "name": "alice"})), "messages.0.content.0.name: Extra inputs"),
        (called({**USE, "id": "functions.find:0"}), "tool_use.id: String should match"),
        (called({**USE, "name": "find.it"}), "tool_use.name: String should match"),
        (called(USE, USE), "ids must be unique"),
        (called(USE, results=[text("x")]), "without `tool_result` blocks immediately after: a"),
        (called(text("x")), "unexpected `tool_use_id`"),
        (called(USE, results=[text("x"), RESULT]), "must stand before"),
        (body(HI, said(USE), tools=TOOLS), "without `tool_result`"),
        (body(HI, said(USE), heard(RESULT)), "must define tools"),
        (body(HI, tools=[{**TOOLS[0], "name": "find.it"}]), "tools.0.custom.name"),
        (body(HI, tools=[{**TOOLS[0], "input_schema": {}}]), "tools.0.custom.input_schema.type"),
        (body(HI, temperature=1.5), "less than or equal to 1"),
        (body(HI, max_tokens=-1), "greater than or equal to 0"),
        (body(HI, stop_sequences=["\n"]), "non-whitespace"),
        (body(HI, thinking={"type": "enabled", "budget_tokens": 1000}), "greater than or equal to 1024"),
        (
            body(HI, thinking={"type": "enabled", "budget_tokens": 2000}),
            "must be greater than `thinking.budget_tokens`",
        ),
        (body(HI, seed=1), "seed: Extra inputs"),
    ],
)
def test_what_breaks_a_rule_is_refused(bad: dict[str, Any], words: str) -> None:
    assert words in (broken_rule(bad) or "")
