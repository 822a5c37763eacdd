"""The gateway's parts, held together for its routes."""

from dataclasses import dataclass

import aiohttp
from starlette.requests import Request

from services.gateway.bodies import BodyModel, parsed
from services.gateway.conversations.store import ConversationStore
from services.gateway.edge import BodyLimits, read_body, read_sent
from services.gateway.feature_jobs.accepting import AcceptingJobs
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.feature_jobs.watch import FeatureWatch, FeatureWorkers
from services.gateway.inference.completing import Completing, Sent
from services.gateway.inference.lately import Lately
from services.gateway.models.probe_limit import ProbeLimit
from services.gateway.models.setup import Setups
from services.gateway.models.store import ModelStore
from services.gateway.settings import GatewaySettings
from services.gateway.tenants.store import TenantStore
from shared.access import Authenticator, Caller, Scope
from shared.crypto import KeyRing
from shared.guard import Guard
from shared.inferences import Inferences
from shared.kafka.publisher import Publisher
from shared.registry import Registry
from shared.selection import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    settings: GatewaySettings
    ring: KeyRing
    guard: Guard
    authenticator: Authenticator
    registry: Registry
    conditions: Conditions
    publisher: Publisher
    inferences: Inferences
    lately: Lately
    completing: Completing
    tenants: TenantStore
    custom_models: ModelStore
    probe_limit: ProbeLimit
    setups: Setups
    conversations: ConversationStore
    features: FeatureStore
    feature_watch: FeatureWatch
    feature_workers: FeatureWorkers
    accepting_jobs: AcceptingJobs
    bodies: BodyLimits
    monitor: aiohttp.ClientSession

    async def caller(self, request: Request, *scopes: Scope) -> Caller:
        """Raises TallygateError (401, 403) unless the request carries a key that has at least one of the scopes."""
        caller = await self.authenticator.caller(request.headers)
        caller.require(*scopes)
        return caller

    async def body(self, request: Request, kind: type[BodyModel]) -> BodyModel:
        return parsed(kind, await read_body(request, self.bodies))

    async def sent(self, request: Request) -> Sent:
        return await read_sent(request, self.bodies)


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway
