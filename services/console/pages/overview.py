"""How it goes: what was asked, what failed and why, how long it took, what it cost."""

import asyncio
from datetime import UTC, datetime, timedelta

from services.console.gateway_api import Part
from services.console.views.charts import step_of
from services.console.views.overview import MEASURES, charts, figures
from services.console.views.ranges import length_of, picked
from services.console.visit import View, Visit

SUMMARY, SERIES = "/api/monitoring/summary", "/api/monitoring/timeseries"
_REFRESH_S, _LONG_REFRESH_S = 15, 60
_LONG = timedelta(hours=12)


async def show(visit: Visit) -> View:
    range_ = picked(visit.query)
    length = length_of(range_.query, datetime.now(UTC))
    step = {"step": step_of(length)}
    summary, *parts = await asyncio.gather(
        visit.gateway.get(SUMMARY, range_.query),
        *(visit.gateway.part(SERIES, {**asked, **range_.query, **step}) for asked in MEASURES.values()),
    )
    values = {
        "range": range_,
        "summary": summary,
        "figures": figures(summary, range_.query),
        "charts": charts({name: part.body for name, part in zip(MEASURES, parts, strict=True)}),
        "refused": next((part for part in parts if part.problem is not None), Part(None)),
    }
    return View("overview.html", "Overview", values, refresh_s=_REFRESH_S if length <= _LONG else _LONG_REFRESH_S)
