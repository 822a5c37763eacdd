"""Who is at work, what waits, and what could not be handled."""

import asyncio

from services.console.visit import View, Visit


async def show(visit: Visit) -> View:
    instances, workers = await asyncio.gather(
        visit.gateway.get("/api/instances"), visit.gateway.part("/api/features/workers")
    )
    values = {
        "instances": instances,
        "workers": workers,
        "alive": [router for router in instances["routers"] if router["state"] == "alive"],
        "letters": sum(topic["kept"] for topic in instances["dead_letters"]),
        "recent": sum(topic["last_day"] for topic in instances["dead_letters"]),
    }
    return View("instances.html", "Instances", values, refresh_s=5)
