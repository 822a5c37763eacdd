"""Models, tenants and needs for the tests of the selection."""

from typing import Any

from shared.events import HealthStatus, ModelHealthChanged, RoutingOptions
from shared.registry import Model, TenantModels, Terms, canonical_reference
from shared.selection import Needs
from tests.unit.shared.events.samples import NOW
from tests.unit.shared.registry.test_models import model


def tenant(*models: Model, **terms: Any) -> TenantModels:
    return TenantModels(
        1,
        {one.id: one for one in models if one.is_custom},
        {one.id: one for one in models if not one.is_custom},
        Terms(**terms),
    )


def needs(reference: str | None = None, tokens: int = 10, *, split_by: bytes = b"", **options: Any) -> Needs:
    return Needs(canonical_reference(reference), tokens, options=RoutingOptions(**options), split_by=split_by)


def health(
    model_id: str, status: HealthStatus = "healthy", p50_s: float | None = None
) -> dict[str, ModelHealthChanged]:
    reason = "9 of 9 calls failed" if status == "unhealthy" else ""
    event = ModelHealthChanged(
        tenant_id="acme", model=model_id, status=status, reason=reason, p50_s=p50_s, changed_at=NOW
    )
    return {model_id: event}


__all__ = ["health", "model", "needs", "tenant"]
