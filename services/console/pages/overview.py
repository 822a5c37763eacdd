"""How it goes: what was asked, what failed and why, how long it took, what it cost."""

from services.console.views.ranges import picked
from services.console.visit import View, Visit

_REFRESH_S = 10


async def show(visit: Visit) -> View:
    range_ = picked(visit.query)
    summary = await visit.gateway.get("/api/models/custom/monitoring", range_.query)
    return View("overview.html", "Overview", {"range": range_, "summary": summary}, refresh_s=_REFRESH_S)
