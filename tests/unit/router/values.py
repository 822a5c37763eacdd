"""Models, requests and work in the router's hands."""

from datetime import timedelta
from typing import Any

from services.router.work import Source, Work
from shared.registry import Model
from shared.selection import select
from tests.unit.shared.events.samples import NOW, requested
from tests.unit.shared.selection.values import model, needs, tenant


def work(*models: Model, reference: str | None = None, **request: Any) -> Work:
    return Work(
        requested(**{"request_model": reference, "deadline_at": NOW + timedelta(seconds=60)} | request),
        {"messages": [{"role": "user", "content": "hi"}]},
        select(needs(reference), tenant(*models)),
        Source(3, 42),
        None,
    )


__all__ = ["model", "needs", "tenant", "work"]
