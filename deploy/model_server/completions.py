"""Receives completion requests: enters each in the ledger, then plans its answer."""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass

from deploy.model_server.anthropic_wire import AnthropicWire, CountingWire
from deploy.model_server.behaviours import INVALID_REQUEST, REDIRECT_FOLLOWED, Behaviour, behaviour_of
from deploy.model_server.call import Call
from deploy.model_server.errors import ErrorAnswer, invalid_request
from deploy.model_server.ledger import MAX_TEXT, Entry, Ledger
from deploy.model_server.openai_wire import OpenAIWire
from deploy.model_server.plan import Plan
from deploy.model_server.planning import plan_call
from deploy.model_server.question import Question, decode, read_question
from deploy.model_server.request import Request, fingerprint
from deploy.model_server.scripts import Scripts
from deploy.model_server.vector_wires import EmbeddingsWire, RerankWire
from deploy.model_server.wire import Wire

OPENAI, ANTHROPIC, COUNTING = OpenAIWire(), AnthropicWire(), CountingWire()
EMBEDDINGS, RERANK = EmbeddingsWire(), RerankWire()
ELSEWHERE = "/elsewhere"
COMPLETION_PATHS: dict[str, Wire] = {
    prefix + path: wire
    for prefix in ("", ELSEWHERE)
    for path, wire in (
        ("/v1/chat/completions", OPENAI),
        ("/v1/messages", ANTHROPIC),
        ("/v1/messages/count_tokens", COUNTING),
        ("/v1/embeddings", EMBEDDINGS),
        ("/v1/rerank", RERANK),
    )
}
REFUSED_KEYS = {"sk-invalid": Behaviour("fault-401"), "sk-forbidden": Behaviour("fault-403")}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request's place in the ledger, if it has one, and its planned answer."""

    plan: Plan
    entry: Entry | None = None


class Completions:
    def __init__(self, ledger: Ledger, scripts: Scripts) -> None:
        self._ledger = ledger
        self._scripts = scripts
        self._flaky_calls: Counter[bytes] = Counter()

    def forget_flaky_calls(self) -> None:
        self._flaky_calls.clear()

    def receive(self, request: Request) -> Exchange:
        wire = COMPLETION_PATHS[request.path]
        question, problem = _read(request, wire)
        behaviour = refused_key(request) or _behaviour(request.path, question, problem)
        entry = self._enter(request, wire, question, behaviour)
        earlier_calls = self._flaky_calls_before(question) if behaviour.name == "flaky" else 0
        scripted = self._scripts.next(question.model, question.asked) if behaviour.name == "script" else None
        call = Call(entry.seq, request.path, wire, question, behaviour, request.key, earlier_calls, problem, scripted)
        return Exchange(plan_call(call), entry)

    def _enter(self, request: Request, wire: Wire, question: Question, behaviour: Behaviour) -> Entry:
        request_id = request.headers.get("x-request-id")
        entry = Entry(
            seq=self._ledger.next_seq(),
            at=time.time(),
            path=request.path,
            wire=wire.name,
            model=question.model[:MAX_TEXT] or None,
            stream=question.stream,
            behaviour=behaviour.name,
            request_id=None if request_id is None else request_id[:MAX_TEXT],
            key_fingerprint=fingerprint(request.key),
        )
        self._ledger.received(entry)
        return entry

    def _flaky_calls_before(self, question: Question) -> int:
        text = f"{question.model}\n{question.text}".encode(errors="replace")
        name = hashlib.sha256(text).digest()
        self._flaky_calls[name] += 1
        return self._flaky_calls[name] - 1


def refused_key(request: Request) -> Behaviour | None:
    key = request.key
    if key is None:
        return None
    return next((behaviour for start, behaviour in REFUSED_KEYS.items() if key.startswith(start)), None)


def _read(request: Request, wire: Wire) -> tuple[Question, ErrorAnswer | None]:
    body = decode(request.body)
    if body is None:
        return Question(model=""), invalid_request("We could not parse the JSON body of your request.")
    return read_question(body), wire.problem(request, body)


def _behaviour(path: str, question: Question, problem: ErrorAnswer | None) -> Behaviour:
    if path.startswith(ELSEWHERE):
        return REDIRECT_FOLLOWED
    return INVALID_REQUEST if problem is not None else behaviour_of(question.model)
