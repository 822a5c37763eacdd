"""Every request, newest first, by what people look for."""

from starlette.responses import RedirectResponse, Response

from services.console.views.inferences import STATES, chosen_filters, inference_id, pages, tokens, tone
from services.console.views.ranges import picked
from services.console.visit import View, Visit

LIST = "/api/inferences"
_REFRESH_S = 5


async def show(visit: Visit) -> View | Response:
    searched = visit.query.get("id", "")
    if found := inference_id(searched):
        return RedirectResponse(f"/inferences/{found}", 303)
    range_, filters, cursor = picked(visit.query), chosen_filters(visit.query), visit.query.get("cursor")
    listed = await visit.gateway.get(LIST, {**range_.query, **filters, "cursor": cursor})
    values = {
        "range": range_,
        "filters": filters,
        "states": STATES,
        "listed": listed,
        "pages": pages(visit.query, listed.get("next_cursor")),
        "no_id": searched,
        "tone": tone,
        "tokens": tokens,
    }
    # What is older does not change any more.
    return View("inferences.html", "Inferences", values, refresh_s=None if cursor else _REFRESH_S)
