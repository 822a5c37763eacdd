"""Ask a model, or two beside each other, and see what it took."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.console.forms import read_form
from services.console.pages.passing import passed_on
from services.console.views.playground import Asked, asked, chat_of, models_to_ask
from services.console.visit import View, Visit
from shared.client import Problem, ProblemError, in_path
from shared.client.requests import CANCELS, CHAT
from shared.errors import TallygateError

_ANSWER_S = 330.0
_EVENTS = "text/event-stream"


async def show(visit: Visit) -> View:
    return await _page(visit, visit.query)


async def ask(visit: Visit) -> View:
    """Without the script: the answers as they are when all are there."""
    fields = await read_form(visit.request)
    try:
        bodies = [(model, chat_of(fields, model)) for model in models_to_ask(fields)]
    except TallygateError as error:
        failed = error.failure
        problem = Problem(failed.error_type, failed.detail, tuple(failed.tips), failed.http_status)
        return await _page(visit, fields, problem)
    answers = await asyncio.gather(*(_answer(visit, model, body) for model, body in bodies))
    return await _page(visit, fields, answers=answers)


async def stream(visit: Visit) -> Response:
    """For the script: one model's answer as server-sent events, as the gateway tells it."""
    fields = await read_form(visit.request)
    body = chat_of(fields, fields.get("model", "")) | {"stream": True}
    return await passed_on(visit, CHAT, body, _EVENTS)


async def show_taken(visit: Visit) -> View:
    """For the script: what an inference took, as a part of the page."""
    timeline = await visit.gateway.get(f"/api/inferences/{in_path(_inference(visit.request))}")
    return View("playground_taken.html", "What it took", {"asked": asked(timeline, datetime.now(UTC))})


async def _page(visit: Visit, fields: Mapping[str, str], problem: Problem | None = None, answers: Any = ()) -> View:
    listed = await visit.gateway.get("/api/models/list")
    usable = [model for model in listed["models"] if model["usable"] and "chat" in model["operations"]]
    values = {"models": usable, "listed": listed["total"], "fields": fields, "problem": problem, "answers": answers}
    return View("playground.html", "Playground", values, (problem.status or 503) if problem else 200)


async def _answer(visit: Visit, model: str, body: Any) -> dict[str, Any]:
    """text, or why there is none; and what it took, when the books tell it."""
    try:
        answer = await visit.gateway.send("POST", CHAT, body, headers=CANCELS, timeout_s=_ANSWER_S)
    except ProblemError as error:
        return {"model": model, "text": None, "problem": error.problem, "asked": None}
    problem, inference_id = Problem.parse(answer), answer.headers.get("x-tallygate-inference-id")
    text = None
    if problem is None:
        text = answer.body["choices"][0]["message"].get("content") or ""
    return {"model": model, "text": text, "problem": problem, "asked": await _taken(visit, inference_id)}


async def _taken(visit: Visit, inference_id: str | None) -> Asked | None:
    if inference_id is None:
        return None
    part = await visit.gateway.part(f"/api/inferences/{in_path(inference_id)}")
    return asked(part.body, datetime.now(UTC)) if part.body else None


def _inference(request: Request) -> str:
    inference_id: str = request.path_params["inference_id"]
    return inference_id
