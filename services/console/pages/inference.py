"""One inference: what happened when, who was considered and why, what failed and what to do."""

from datetime import UTC, datetime

from services.console.views.inferences import calls, tone, trace_link
from services.console.views.waterfall import tokens_words, waterfall
from services.console.visit import View, Visit
from shared.client import in_path

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
