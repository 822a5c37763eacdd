from typing import Any

import orjson
import pytest

from services.gateway.bodies import validated
from services.gateway.conversations.codebase import Turn, chat_body, wants_stream
from services.gateway.conversations.schemas import CodebaseChatBody


def messages(fields: dict[str, object], *history: Turn) -> list[dict[str, Any]]:
    asked = validated(CodebaseChatBody, {"message": "why?"} | fields)
    body: dict[str, list[dict[str, Any]]] = orjson.loads(chat_body(asked, history, streamed=False))
    assert set(body) == {"messages"}
    return body["messages"]


def system(fields: dict[str, object]) -> str:
    return str(messages(fields)[0]["content"])


@pytest.mark.parametrize(
    ("said", "accept", "streamed"),
    [
        (None, None, False),
        (None, "application/json, */*", False),
        (None, "Text/Event-Stream", True),
        (False, "text/event-stream", False),
        (True, None, True),
    ],
)
def test_the_body_says_whether_it_is_streamed_or_else_what_is_accepted(
    said: bool | None, accept: str | None, streamed: bool
) -> None:
    assert wants_stream(said, accept) is streamed


def test_what_is_streamed_is_asked_for_as_a_stream() -> None:
    asked = validated(CodebaseChatBody, {"message": "why?"})
    assert orjson.loads(chat_body(asked, (), streamed=True))["stream"] is True


def test_the_question_comes_after_the_instructions_and_the_history() -> None:
    sent = messages({}, Turn("user", "first?"), Turn("assistant", "yes"))
    assert sent[0]["role"] == "system"
    assert sent[1:] == [
        {"role": "user", "content": "first?"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "why?"},
    ]


def test_files_are_shown_with_path_and_content() -> None:
    prompt = system({"files": [{"path": "src/a.py", "content": "x = 1"}, "README.md"]})
    assert "File: src/a.py\n```\nx = 1\n```" in prompt
    assert prompt.endswith("File: README.md")


def test_a_long_file_is_cut_and_the_model_is_told() -> None:
    prompt = system({"files": [{"path": "a", "content": "x" * 20_001}]})
    assert prompt.count("x" * 20_000) == 1
    assert prompt.endswith("x\n[cut after 20000 characters]\n```")
    assert "x" * 20_001 not in prompt


def test_a_file_at_the_limit_is_whole() -> None:
    assert "[cut after" not in system({"files": [{"path": "a", "content": "x" * 20_000}]})


def test_repository_and_current_file_are_named() -> None:
    prompt = system({"repo": "org/repo", "currentFile": "a.py"})
    assert "\n\nRepository: org/repo\n\n" in prompt
    assert prompt.endswith("The user is looking at this file:\nFile: a.py")


def test_nothing_is_said_of_what_was_not_sent() -> None:
    prompt = system({})
    assert "Repository" not in prompt
    assert "File:" not in prompt
