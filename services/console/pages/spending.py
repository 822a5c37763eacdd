"""What it cost: by day, model, key and session, beside the budgets."""

import asyncio

from services.console.views.ranges import picked
from services.console.views.spending import MEASURES, budgets, sessions, spending_charts, totals
from services.console.visit import View, Visit
from shared.client import in_path

_SERIES, _SUMMARY = "/api/monitoring/timeseries", "/api/monitoring/summary"
_SESSIONS, _CAPS = "/api/monitoring/sessions", "/api/sessions"


async def show(visit: Visit) -> View:
    range_ = picked(visit.query, "30d")
    tenant = f"/api/tenants/{in_path(visit.session.tenant)}"
    summary, terms, by_session, caps, *parts = await asyncio.gather(
        visit.gateway.part(_SUMMARY, range_.query),
        visit.gateway.part(tenant),
        visit.gateway.part(_SESSIONS, range_.query),
        visit.gateway.part(_CAPS),
        *(visit.gateway.part(_SERIES, {**asked, **range_.query, "step": "1d"}) for asked in MEASURES.values()),
    )
    answers = {name: part.body for name, part in zip(MEASURES, parts, strict=True)}
    values = {
        "range": range_,
        "summary": summary,
        "charts": spending_charts(answers),
        "models": totals(answers["model"], answers["tokens"]),
        "keys": totals(answers["key"], answers["key_tokens"]),
        "sessions": sessions(by_session.body, caps.body or {"sessions": []}) if by_session.body else [],
        "budgets": budgets(terms.body) if terms.body else [],
        "refused": next((part for part in (summary, by_session, *parts) if part.problem is not None), None),
        "told": next((answer for answer in answers.values() if answer), None),
    }
    return View("spending.html", "Spending", values)
