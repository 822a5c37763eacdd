"""One real call of one model, active or not, on record like every other; and the probe of its endpoint.

What a model can do is seldom listed, so it is asked for the likeliest first: a chat, unless its name says otherwise.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from services.gateway.inference.admission import Admitted
from services.gateway.inference.completing import Completing, Sent
from services.gateway.models.probe_steps import Step, failed_step
from shared.access import Caller
from shared.errors import Failure, TallygateError
from shared.events import RoutingOptions
from shared.inferences import Answer
from shared.registry.models import Task, tasks_by_name
from shared.wire import WireFormat, exchange_of, read_completion

_TASKS: tuple[Task, ...] = ("chat", "embeddings", "rerank")
# How an endpoint may refuse what it cannot do.
_MAY_DO_OTHERWISE = {
    "invalid_request", "model_not_found", "endpoint_not_found", "permission_denied", "server_error", "bad_response",
}  # fmt: skip
_NAMES: dict[Task, str] = {"chat": "a completion", "embeddings": "with embeddings", "rerank": "with a ranking"}


class Trial(NamedTuple):
    """A trial that was answered; the last step is the answer. latency_s: of the call. task: what was asked for."""

    steps: tuple[Step, ...]
    answer: Answer
    latency_s: float
    task: Task = "chat"

    def shown(self) -> dict[str, Any]:
        completion = orjson.loads(self.answer.body)
        return {
            "task": self.task,
            "answer": _said(self.task, completion),
            "latency_s": self.latency_s,
            "inference_id": str(self.answer.inference_id),
            "usage": completion.get("usage"),
            "attempts": self.answer.attempts,
            "steps": [step.shown() for step in self.steps],
        }


class TrialFailedError(Exception):
    """The trial brought no answer. cause: why. failure: as it is shown to the caller. steps: how far the trial came."""

    def __init__(self, cause: TallygateError, steps: tuple[Step, ...], failure: Failure | None = None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.steps = steps
        self.failure = failure or cause.failure


class Question(NamedTuple):
    """sent: the request for the trial, to whose body an Idempotency-Key belongs. model: its id."""

    caller: Caller
    sent: Sent
    model: str
    message: str

    def admitted(self, completing: Completing, task: Task = "chat") -> Admitted:
        """Without a limit of tokens: some models refuse a low one, others use it up with reasoning."""
        options = RoutingOptions(no_fallback=True, allow_inactive=True)
        return completing.admit_made(orjson.dumps(self._body(task)), self.model, options, task)

    def _body(self, task: Task) -> dict[str, Any]:
        match task:
            case "embeddings":
                return {"input": self.message}
            case "rerank":
                return {"query": self.message, "documents": [self.message]}
        return {"messages": [{"role": "user", "content": self.message}]}


def tasks_to_try(known: Collection[Task] | None, upstream_model: str, wire_format: WireFormat) -> tuple[Task, ...]:
    """In which order to ask a model for what it may do. known: what it is said to do; None: nothing is said."""
    if known:
        return tuple(task for task in _TASKS if task in known)[:1]
    likely = tasks_by_name(upstream_model) or ()
    possible = (task for task in _TASKS if task not in likely and exchange_of(task, "openai", wire_format))
    return (*likely, *possible)


async def ask_for_one(
    completing: Completing, question: Question, steps: tuple[Step, ...], tasks: Sequence[Task]
) -> Trial:
    """The first of the tasks that the model does. Raises TrialFailedError as `ask`, of the first."""
    first: TrialFailedError | None = None
    for task in tasks:
        try:
            return await ask(completing, question, steps, task)
        except TrialFailedError as error:
            first = first or error
            if error.cause.failure.error_type not in _MAY_DO_OTHERWISE:
                break
    raise first or ValueError("there is nothing to ask for")


async def ask(completing: Completing, question: Question, steps: tuple[Step, ...], task: Task = "chat") -> Trial:
    """For a caller that has been let in. Raises TrialFailedError with `steps` and a failed answer step."""
    admitted = question.admitted(completing, task)
    # An Idempotency-Key stands for one inference, and each task is one.
    sent = question.sent if task == "chat" else replace(question.sent, route=f"{question.sent.route}#{task}")
    started = time.monotonic()
    try:
        answer = await completing.complete(question.caller, sent, admitted)
    except TallygateError as error:
        step = failed_step("answer", error.failure, time.monotonic() - started)
        raise TrialFailedError(error, (*steps, step)) from None
    latency_s = time.monotonic() - started
    step = Step("answer", True, latency_s, f"{answer.model} answered {_NAMES[task]}")
    return Trial((*steps, step), answer, latency_s, task)


def _said(task: Task, answer: Any) -> str:
    """For people."""
    match task:
        case "embeddings":
            return f"a vector of {len(answer['data'][0]['embedding'])} numbers"
        case "rerank":
            return f"a score of {answer['results'][0]['relevance_score']:.4g}"
    return read_completion(answer).text
