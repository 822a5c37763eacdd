"""The gateway's parts, held together for its routes."""

from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from starlette.requests import Request

from services.gateway.admission import (
    Admitted,
    BodyModel,
    Limits,
    admit_chat,
    known_model,
    parse_json,
    validated,
)
from services.gateway.edge import read_body, traceparent
from services.gateway.inferences import Answer, Inferences
from services.gateway.pending import Pending
from services.gateway.settings import GatewaySettings
from services.gateway.store import GatewayStore
from shared.access import Authenticator, Caller, Scope
from shared.crypto import KeyRing
from shared.errors import TallygateError
from shared.registry import Registry, TenantModels


@dataclass(frozen=True)
class Gateway:
    settings: GatewaySettings
    ring: KeyRing
    store: GatewayStore
    registry: Registry
    authenticator: Authenticator
    pending: Pending
    inferences: Inferences
    monitor: aiohttp.ClientSession

    @property
    def limits(self) -> Limits:
        settings = self.settings
        return Limits(settings.max_body_bytes, settings.default_deadline_s, settings.max_deadline_s)

    async def caller(self, request: Request, scope: Scope) -> Caller:
        caller = await self.authenticator.caller(request.headers)
        caller.require(scope)
        return caller

    async def body(self, request: Request, kind: type[BodyModel]) -> BodyModel:
        body = await read_body(request, self.settings.max_body_bytes)
        return validated(kind, parse_json(body or b"{}"))

    def models(self, caller: Caller) -> TenantModels:
        if self.registry.stale:
            raise TallygateError("unavailable", "the registry could not be read for minutes", retry_after_s=5.0)
        return self.registry.of(caller.tenant_id)

    def admit_chat(self, request: Request, body: bytes) -> Admitted:
        return admit_chat(body, request.headers, datetime.now(UTC), self.limits)

    async def complete(self, request: Request, caller: Caller, admitted: Admitted) -> Answer:
        """Publish and wait. A model that is not known is refused before anything is published."""
        models = self.models(caller)
        try:
            known_model(models, admitted.model)
        except TallygateError:
            # Another gateway may have registered it a moment ago.
            models = await self.registry.refresh(caller.tenant_id)
            known_model(models, admitted.model)
        return await self.inferences.complete(caller, admitted, models.version, traceparent(request))


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway
