"""Models, requests and work in the router's hands."""

from datetime import timedelta
from typing import Any

from services.router.pulse import Pulse
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


def beating() -> Pulse:
    """Of a router whose heartbeats are acked."""
    pulse = Pulse(lambda: 0.0)
    pulse.acked(0.0)
    return pulse


def holds_all(_size: int) -> None:
    """However large an answer is, there is room for it."""


__all__ = ["beating", "holds_all", "model", "needs", "tenant", "work"]
