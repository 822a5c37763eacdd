"""Every request, newest first, by what people look for."""

from typing import get_args

from starlette.responses import RedirectResponse, Response

from services.console.views.inferences import STATES, chosen_filters, inference_id, pages, tokens, tone
from services.console.views.ranges import picked
from services.console.visit import View, Visit
from shared.client import ProblemError
from shared.errors import CATALOGUE
from shared.operations import Operation

LIST = "/api/inferences"
_REFRESH_S = 5


async def show(visit: Visit) -> View | Response:
    searched = visit.query.get("id", "")
    if wanted := inference_id(searched):
        return RedirectResponse(f"/inferences/{wanted}", 303)
    range_, filters, cursor = picked(visit.query), chosen_filters(visit.query), visit.query.get("cursor")
    found = await visit.gateway.part(LIST, {**range_.query, **filters, "cursor": cursor})
    if found.problem is not None and found.problem.status != 400:
        raise ProblemError(found.problem)
    listed = found.body or {"items": [], "next_cursor": None}
    values = {
        "range": range_,
        "filters": filters,
        "states": STATES,
        "operations": get_args(Operation),
        "error_types": sorted(CATALOGUE),
        "listed": listed,
        "problem": found.problem,  # of a filter or a range that the form still shows
        "pages": pages(visit.query, listed.get("next_cursor")),
        "no_id": searched,
        "tone": tone,
        "tokens": tokens,
    }
    status = found.problem.status or 400 if found.problem else 200
    changes = not cursor and status == 200  # what is older does not
    return View("inferences.html", "Inferences", values, status, _REFRESH_S if changes else None)
