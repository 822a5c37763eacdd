"""Who is at work, what waits, and what could not be handled: dead letters, and again."""

import asyncio
from typing import Any

from services.console.forms import read_form
from services.console.views.dead_letters import chosen_letters, topics_of
from services.console.views.inferences import tone
from services.console.visit import View, Visit
from shared.client import Problem, ProblemError

_LETTERS = "/api/dead-letters"
_FEW, _MANY = "20", "100"  # of each of all topics, and of one


async def show(visit: Visit) -> View:
    instances, workers = await asyncio.gather(
        visit.gateway.get("/api/instances"), visit.gateway.part("/api/features/workers")
    )
    values = {
        "instances": instances,
        "workers": workers,
        "tone": tone,
        "alive": [router for router in instances["routers"] if router["state"] == "alive"],
        "letters": sum(topic["kept"] for topic in instances["dead_letters"]),
        "recent": sum(topic["last_day"] for topic in instances["dead_letters"]),
    }
    return View("instances.html", "Instances", values, refresh_s=5)


async def show_letters(visit: Visit) -> View:
    return await _letters(visit, visit.query.get("topic"))


async def replay(visit: Visit) -> View:
    """Its page tells where each of them lies now."""
    fields = await read_form(visit.request)
    topic, chosen = fields.get("topic"), chosen_letters(fields)
    if not chosen:
        return await _letters(visit, topic, Problem("invalid_request", "Choose those to publish again.", (), 400))
    try:
        done = await visit.gateway.ask("POST", f"{_LETTERS}/replay", {"ids": chosen})
    except ProblemError as error:
        return await _letters(visit, topic, error.problem)
    return await _letters(visit, topic, replayed=done["replayed"])


async def _letters(visit: Visit, topic: str | None, problem: Problem | None = None, replayed: Any = ()) -> View:
    listed = await visit.gateway.get(_LETTERS, {"topic": topic, "limit": _MANY if topic else _FEW})
    values = {"topics": topics_of(listed), "topic": topic, "problem": problem, "replayed": replayed}
    return View("dead_letters.html", "Dead letters", values, (problem.status or 503) if problem else 200)
