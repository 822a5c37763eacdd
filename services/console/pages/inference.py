"""One inference: what happened when, who was considered and why, what failed and what to do."""

import asyncio
from datetime import UTC, datetime

from services.console.views.content import Said, response_id, said
from services.console.views.inferences import calls, tone, trace_link
from services.console.views.waterfall import tokens_words, waterfall
from services.console.visit import View, Visit
from shared.client import ProblemError, in_path

_REFRESH_S = 2
_OPEN = ("accepted", "running")


async def show(visit: Visit) -> View:
    body = await visit.gateway.get(f"/api/inferences/{in_path(visit.request.path_params['inference_id'])}")
    values = {
        "one": body,
        "waterfall": waterfall(body, datetime.now(UTC)),
        "tone": tone,
        "trace": trace_link(visit.request.app.state.settings.trace_url, body),
        "calls": calls(body["attempts"]),
        "tokens_words": tokens_words,
    }
    return View("inference.html", "Inference", values, refresh_s=_REFRESH_S if body["state"] in _OPEN else None)


async def show_content(visit: Visit) -> View:
    """Only when somebody asks for it, and of what is kept for the key's tenant."""
    inference_id = visit.request.path_params["inference_id"]
    kept = response_id(inference_id)
    parts = [] if kept is None else await _kept(visit, f"/v1/responses/{kept}")
    return View("content.html", "Content", {"inference_id": inference_id, "parts": parts})


async def _kept(visit: Visit, path: str) -> list[Said]:
    try:
        given, response = await asyncio.gather(visit.gateway.get(f"{path}/input_items"), visit.gateway.get(path))
    except ProblemError as error:
        if error.problem.status == 404:
            return []
        raise
    return said([*reversed(given["data"]), *response["output"]])
