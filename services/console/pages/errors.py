"""What failed, by cause, and what to do about it."""

from services.console.views.errors import error_groups
from services.console.views.ranges import picked
from services.console.visit import View, Visit

_FILTERS = ("model", "error_type")
_REFRESH_S = 30


async def show(visit: Visit) -> View:
    range_ = picked(visit.query, "24h")
    filters = {name: visit.query.get(name, "").strip() for name in _FILTERS}
    found = await visit.gateway.get("/api/monitoring/errors", {**range_.query, **filters})
    groups = error_groups(found["groups"], range_.query)
    values = {"range": range_, "filters": filters, "found": found, "groups": groups}
    return View("errors.html", "Errors", values, refresh_s=_REFRESH_S)
