"""What taking requests of upstream services needs of the gateway."""

from dataclasses import dataclass

from services.gateway.background.background import BackgroundInferences
from services.gateway.background.responses import BackgroundResponses
from services.gateway.inference.completing import Completing
from services.gateway.ingress.store import ReplyKeyStore, UpstreamStore
from services.gateway.tenants.store import TenantStore
from shared.access import Caller
from shared.events.ingress import Ingress
from shared.kafka.publisher import Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """max_body_bytes: of one request's input."""

    ingress: Ingress
    completing: Completing
    background: BackgroundInferences
    responses: BackgroundResponses
    store: UpstreamStore
    reply_keys: ReplyKeyStore
    tenants: TenantStore
    publisher: Publisher
    max_body_bytes: int


def caller_of(tenant_id: str, topic: str) -> Caller:
    """Who asks on a topic, in place of a key."""
    return Caller(tenant_id, f"kafka:{topic}", frozenset({"inference"}))
