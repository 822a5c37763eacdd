"""The routes of the server."""

from collections.abc import Iterator, Mapping

from deploy.model_server import errors, plan, scripts
from deploy.model_server.behaviours import BEHAVIOURS
from deploy.model_server.completions import (
    ANTHROPIC,
    COMPLETION_PATHS,
    OPENAI,
    Completions,
    Exchange,
    refused_key,
)
from deploy.model_server.errors import ERRORS, ErrorAnswer
from deploy.model_server.ledger import Entry, Ledger
from deploy.model_server.plan import Piece, Plan
from deploy.model_server.request import Request
from deploy.model_server.wire import to_json

PATHS = {"/v1/models", "/healthz", "/ledger", *COMPLETION_PATHS}
LEDGER_PAGE = 200
CONTEXT_WINDOW = 131_072


class Service:
    """Turns requests into planned answers; knows nothing of sockets."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._scripts = scripts.Scripts()
        self._completions = Completions(self.ledger, self._scripts)

    def receive(self, request: Request) -> Exchange:
        if request.method == "POST" and request.path in COMPLETION_PATHS:
            return self._completions.receive(request)
        return Exchange(self._answer(request))

    def passed_on(self, exchange: Exchange, piece: Piece) -> None:
        """A piece of the body was handed to the socket."""
        if exchange.entry is not None:
            self.ledger.passed_on(exchange.entry, piece)

    def _answer(self, request: Request) -> Plan:
        match request.method, request.path:
            case "GET", "/v1/models":
                return _models(request)
            case "GET", "/healthz":
                return plan.whole(200, plan.JSON, b'{"status":"ok"}')
            case "GET", "/ledger":
                return _ledger(self.ledger, request.url.query)
            case "DELETE", "/ledger":
                self.ledger.clear()
                self._completions.forget_flaky_calls()
                return plan.whole(200, plan.JSON, b'{"total":0}')
        if request.path.startswith(scripts.PATH):
            return self._script(request)
        return self._refuse(request.method, request.path)

    def _script(self, request: Request) -> Plan:
        name = request.path.removeprefix(scripts.PATH)
        result: Mapping[str, object] | ErrorAnswer
        match request.method:
            case "PUT":
                result = self._scripts.put(name, request.body) or {"model": scripts.MODEL + name}
            case "GET":
                result = self._scripts.record(name)
            case _:
                result = errors.method_not_allowed(request.method, request.path)
        return _error(result) if isinstance(result, ErrorAnswer) else plan.whole(200, plan.JSON, to_json(result))

    def _refuse(self, method: str, path: str) -> Plan:
        if path in PATHS:
            return _error(errors.method_not_allowed(method, path))
        if method == "POST":
            self.ledger.received_elsewhere()
        return _error(errors.not_found(method, path))


def _error(error: ErrorAnswer) -> Plan:
    return plan.whole(error.status, plan.JSON, OPENAI.error(error))


def _models(request: Request) -> Plan:
    if (refused := refused_key(request)) is not None:
        wire = ANTHROPIC if "anthropic-version" in request.headers else OPENAI
        error = ERRORS[refused.name].worded("", request.key, 0)
        return plan.whole(error.status, plan.JSON, wire.error(error))
    return plan.whole(200, plan.JSON, _MODELS)


def _model(name: str, description: str) -> dict[str, object]:
    """With the fields of both wires, so that either one's client can read it, and vLLM's for the context window."""
    openai = {"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "tallygate"}
    anthropic = {"type": "model", "display_name": name, "created_at": "2025-01-01T00:00:00Z"}
    return {**openai, **anthropic, "description": description, "max_model_len": CONTEXT_WINDOW}


_MODELS = to_json(
    {
        "object": "list",
        "data": [_model(row.model, row.description) for row in BEHAVIOURS],
        "has_more": False,
        "first_id": BEHAVIOURS[0].model,
        "last_id": BEHAVIOURS[-1].model,
    }
)


def _ledger(ledger: Ledger, query: Mapping[str, str]) -> Plan:
    since = query.get("since", "0")
    if not (since.isascii() and since.isdigit() and len(since) < 20):
        return _error(errors.invalid_request("since: a whole number is required", "since"))
    summary = to_json(ledger.summary())
    if query.get("entries") == "false":
        return plan.whole(200, plan.JSON, summary)
    entries = ledger.snapshot(int(since))
    return Plan(200, {"content-type": plan.JSON}, _pages(summary, entries))


def _pages(summary: bytes, entries: list[Entry]) -> Iterator[Piece]:
    """In pages small enough that telling a long ledger does not hold up the answers."""
    yield Piece(summary[:-1] + b',"entries":[')
    for start in range(0, len(entries), LEDGER_PAGE):
        page = [to_json(entry.as_json()) for entry in entries[start : start + LEDGER_PAGE]]
        yield Piece(b"," * (start > 0) + b",".join(page))
    yield Piece(b"]}")
