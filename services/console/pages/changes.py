"""Who changed models, keys, tenants and plans, and when."""

from services.console.views.changes import details_of
from services.console.visit import View, Visit

_SHOWN = "50"


async def show(visit: Visit) -> View:
    query = visit.query
    asked = {"limit": _SHOWN, "before": query.get("before"), "tenant": query.get("tenant")}
    body = await visit.gateway.get("/api/changes", asked)
    changes = [
        change | {"shown": details_of(change["details"]), "person": change.get("person")} for change in body["changes"]
    ]
    return View("changes.html", "Changes", {"changes": changes, "next": body["next"], "query": query})
