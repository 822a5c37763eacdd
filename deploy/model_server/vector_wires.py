"""`POST /v1/embeddings` and `/v1/rerank`, which have OpenAI's errors and no streams."""

import json
from collections.abc import Callable, Mapping

from deploy.model_server import plan, vectors
from deploy.model_server.answer import Answer
from deploy.model_server.call import Call
from deploy.model_server.errors import ErrorAnswer, invalid_request
from deploy.model_server.openai_wire import OpenAIWire
from deploy.model_server.plan import Piece, Plan
from deploy.model_server.request import Request
from deploy.model_server.wire import to_json


class EmbeddingsWire(OpenAIWire):
    tells_text = False

    def problem(self, _request: Request, body: Mapping[str, object]) -> ErrorAnswer | None:
        if not isinstance(body.get("model"), str):
            return invalid_request("you must provide a model parameter", "model")
        return None if vectors.inputs_of(body) else invalid_request("Missing required parameter: 'input'.", "input")

    def completion(self, answer: Answer) -> bytes:
        return to_json({**self._envelope(answer), "data": vectors.embeddings(answer.body)})

    def hollow_completion(self, answer: Answer) -> bytes:
        return to_json(self._envelope(answer))

    def events(self, answer: Answer) -> list[Piece]:
        return [Piece(self.completion(answer))]

    def hollow_events(self, answer: Answer) -> list[Piece]:
        return [Piece(self.hollow_completion(answer))]

    def _envelope(self, answer: Answer) -> dict[str, object]:
        tokens = answer.input_tokens
        return {"object": "list", "model": answer.model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


class RerankWire(EmbeddingsWire):
    def problem(self, _request: Request, body: Mapping[str, object]) -> ErrorAnswer | None:
        if not isinstance(body.get("query"), str) or not vectors.documents_of(body):
            return invalid_request("query and documents are required", "documents")
        return None

    def completion(self, answer: Answer) -> bytes:
        return to_json({**self._envelope(answer), "results": vectors.ranking(answer.body)})

    def _envelope(self, answer: Answer) -> dict[str, object]:
        usage = {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens}
        return {"id": f"rerank-{answer.seq:012d}", "model": answer.model, "usage": usage}


# What servers do that know no base64, or nothing else; their own forms; a vector that is missing. A chat is answered as
# `demo` answers it.
def _numbers(call: Call) -> object:
    return {
        "object": "list",
        "model": call.question.model,
        "data": vectors.embeddings(call.question.body, encoded=False),
    }


def _base64(call: Call) -> object:
    return {
        "object": "list",
        "model": call.question.model,
        "data": vectors.embeddings(call.question.body, encoded=True),
    }


def _bare(call: Call) -> object:
    """TEI, which sorts its ranking by nothing; Ollama's own form of embeddings."""
    body = call.question.body
    if "query" in body:
        scored = [{"index": entry["index"], "score": entry["relevance_score"]} for entry in vectors.ranking(body)]
        return sorted(scored, key=lambda entry: str(entry["index"]))
    found = [entry["embedding"] for entry in vectors.embeddings(body, encoded=False)]
    return {"model": call.question.model, "embeddings": found, "prompt_eval_count": call.question.input_tokens}


def _one_missing(call: Call) -> object:
    body = call.question.body
    entries = vectors.ranking(body) if "query" in body else vectors.embeddings(body)
    return {"object": "list", "results": [{**entries[0], "index": 9}]} if "query" in body else {"data": entries[1:]}


FORMS: dict[str, Callable[[Call], object]] = {
    "demo-vectors-numbers": _numbers,
    "demo-vectors-base64": _base64,
    "demo-vectors-bare": _bare,
    "fault-vectors-missing": _one_missing,
}


def form_plan(call: Call) -> Plan | None:
    """None for what is no request for embeddings or a ranking."""
    if not isinstance(call.wire, EmbeddingsWire):
        return None
    body = json.dumps(FORMS[call.behaviour.name](call), separators=(",", ":")).encode()
    return plan.whole(200, plan.JSON, body, call.headers)
