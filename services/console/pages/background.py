"""Inferences in the background, for as long as their results are kept."""

from services.console.visit import View, Visit
from shared.client.requests import BACKGROUND

_SHOWN = "50"
_REFRESH_S = 5


async def show(visit: Visit) -> View:
    state = next((one for one in ("open", "ended") if one == visit.query.get("state")), None)
    cursor = visit.query.get("cursor")
    listed = await visit.gateway.get(BACKGROUND, {"limit": _SHOWN, "state": state, "cursor": cursor})
    values = {"listed": listed["items"], "next": listed["next_cursor"], "state": state, "cursor": cursor}
    return View("background.html", "In the background", values, refresh_s=None if cursor else _REFRESH_S)
