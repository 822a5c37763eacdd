"""What a model is asked for to find out whether it works, and what it can."""

from typing import Any
from uuid import uuid4

import orjson
import pytest

from services.gateway.inference.admission import Admitted, Deadlines
from services.gateway.inference.completing import Completing, Sent
from services.gateway.models.trial import Question, TrialFailedError, ask_for_one, tasks_to_try
from shared.access import Caller
from shared.errors import ErrorType, TallygateError, failure
from shared.inferences import Answer
from shared.operations import WireFormat
from shared.registry.models import Task

QUESTION = Question(Caller("acme", "k", frozenset({"models"})), Sent({}, "/route", b"", None), "custom:m", "ready?")


@pytest.mark.parametrize(
    ("known", "name", "wire_format", "tried"),
    [
        (None, "gpt-5", "openai", ("chat", "embeddings", "rerank")),
        (None, "text-embedding-3-small", "openai", ("embeddings", "chat", "rerank")),
        (None, "BAAI/bge-reranker-v2-m3", "openai", ("rerank", "chat", "embeddings")),
        (None, "claude", "anthropic", ("chat",)),
        (("embeddings",), "gpt-5", "openai", ("embeddings",)),
        (("embeddings", "chat"), "m", "openai", ("chat",)),
    ],
)
def test_the_likeliest_is_asked_for_first(
    known: tuple[Task, ...] | None, name: str, wire_format: WireFormat, tried: tuple[Task, ...]
) -> None:
    assert tasks_to_try(known, name, wire_format) == tried


class _Completing(Completing):
    """Answers what is in `answers`; to all else with this error."""

    __slots__ = ("answers", "error_type", "seen")
    answers: dict[str, Any]
    error_type: ErrorType
    seen: list[tuple[str, str]]

    async def complete(self, caller: Caller, sent: Sent, admitted: Admitted) -> Answer:  # noqa: ARG002
        self.seen.append((admitted.operation, sent.route))
        if admitted.operation in self.answers:
            return Answer(uuid4(), orjson.dumps(self.answers[admitted.operation]), "custom:m", 1)
        raise TallygateError.of(failure(self.error_type, f"no {admitted.operation}"))


def completing(error_type: ErrorType, **answers: Any) -> _Completing:
    nothing: Any = None  # is not asked
    made = _Completing(
        deadlines=Deadlines(5.0, 5.0), registry=nothing, conditions=nothing, doorkeeper=nothing, rejections=nothing,
        inferences=nothing, once=nothing,
    )  # fmt: skip
    given: dict[str, Any] = {"answers": answers, "error_type": error_type, "seen": []}
    for name, value in given.items():
        object.__setattr__(made, name, value)
    return made


async def test_what_does_not_chat_is_asked_for_the_next_each_under_a_key_of_its_own() -> None:
    asked = completing("invalid_request", embeddings={"data": [{"embedding": [0.5, 0.5]}]})
    trial = await ask_for_one(asked, QUESTION, (), ("chat", "embeddings", "rerank"))
    assert asked.seen == [("chat", "/route"), ("embeddings", "/route#embeddings")]
    shown = trial.shown()
    assert (shown["task"], shown["answer"]) == ("embeddings", "a vector of 2 numbers")
    assert [step["detail"] for step in shown["steps"]] == ["custom:m answered with embeddings"]


async def test_a_ranking_is_told_by_its_score() -> None:
    asked = completing("invalid_request", rerank={"results": [{"index": 0, "relevance_score": 0.25}]})
    assert (await ask_for_one(asked, QUESTION, (), ("rerank",))).shown()["answer"] == "a score of 0.25"


@pytest.mark.parametrize(("error_type", "calls"), [("authentication_failed", 1), ("endpoint_not_found", 2)])
async def test_when_nothing_is_answered_the_first_error_is_told(error_type: ErrorType, calls: int) -> None:
    asked = completing(error_type)
    with pytest.raises(TrialFailedError) as caught:
        await ask_for_one(asked, QUESTION, (), ("chat", "embeddings"))
    assert caught.value.failure.detail == "no chat"
    assert len(asked.seen) == calls
