"""Models, requests and work in the router's hands."""

from datetime import timedelta
from typing import Any

from services.router.selection import Needs, select
from services.router.work import Source, Work
from shared.events import RoutingOptions
from shared.registry import Model, TenantModels, canonical_reference
from tests.unit.shared.events.samples import NOW, requested
from tests.unit.shared.registry.test_models import model


def tenant(*models: Model) -> TenantModels:
    return TenantModels(
        1,
        {one.id: one for one in models if one.is_custom},
        {one.id: one for one in models if not one.is_custom},
    )


def needs(reference: str | None = None, tokens: int = 10, **options: bool) -> Needs:
    return Needs(canonical_reference(reference), tokens, RoutingOptions(**options))


def work(*models: Model, reference: str | None = None, **request: Any) -> Work:
    return Work(
        requested(**{"request_model": reference, "deadline_at": NOW + timedelta(seconds=60)} | request),
        {"messages": [{"role": "user", "content": "hi"}]},
        select(needs(reference), tenant(*models)),
        Source(3, 42),
        None,
    )


__all__ = ["model", "needs", "tenant", "work"]
