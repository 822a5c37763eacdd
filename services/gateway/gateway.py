"""The gateway's parts, held together for its routes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import aiohttp
from starlette.requests import Request

from services.gateway.bodies import BodyModel, parsed
from services.gateway.conversations.store import ConversationStore
from services.gateway.edge import asks_to_cancel, caller_left, read_body, traceparent
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.feature_jobs.watch import FeatureWatch, FeatureWorkers
from services.gateway.inference.admission import Admitted, Limits, admit_chat, known_model
from services.gateway.inference.doorkeeper import Doorkeeper
from services.gateway.inference.idempotency import idempotency_key
from services.gateway.inference.inferences import Answer, Inferences, Order
from services.gateway.inference.once import Once
from services.gateway.inference.pending import Pending
from services.gateway.inference.rejections import Rejections
from services.gateway.inference.store import InferenceStore
from services.gateway.models.probe import Probes
from services.gateway.models.store import ModelStore
from services.gateway.settings import GatewaySettings
from services.gateway.tenants.store import TenantStore
from shared.access import Authenticator, Caller, Scope
from shared.crypto import KeyRing
from shared.errors import Failure, TallygateError
from shared.guard import Guard
from shared.kafka.publisher import Publisher
from shared.registry import Registry, TenantModels, Terms
from shared.selection import Conditions
from shared.selection.budgets import over_budget


@dataclass(frozen=True)
class Gateway:
    settings: GatewaySettings
    ring: KeyRing
    guard: Guard
    tenants: TenantStore
    custom_models: ModelStore
    conversations: ConversationStore
    features: FeatureStore
    idempotency: InferenceStore
    registry: Registry
    conditions: Conditions
    authenticator: Authenticator
    pending: Pending
    inferences: Inferences
    once: Once
    doorkeeper: Doorkeeper
    probes: Probes
    rejections: Rejections
    publisher: Publisher
    feature_watch: FeatureWatch
    feature_workers: FeatureWorkers
    monitor: aiohttp.ClientSession

    @property
    def limits(self) -> Limits:
        settings = self.settings
        return Limits(settings.max_body_bytes, settings.default_deadline_s, settings.max_deadline_s)

    async def caller(self, request: Request, *scopes: Scope) -> Caller:
        """Any of the scopes will do."""
        caller = await self.authenticator.caller(request.headers)
        caller.require(*scopes)
        return caller

    async def body(self, request: Request, kind: type[BodyModel]) -> BodyModel:
        return parsed(kind, await self.raw_body(request))

    async def raw_body(self, request: Request) -> bytes:
        return await read_body(request, self.settings.max_body_bytes)

    def models(self, caller: Caller) -> TenantModels:
        if self.registry.stale:
            raise TallygateError("unavailable", "the registry could not be read for minutes", retry_after_s=5.0)
        return self.registry.of(caller.tenant_id)

    def admit_chat(self, request: Request, body: bytes) -> Admitted:
        return admit_chat(body, request.headers, datetime.now(UTC), self.limits)

    async def complete(self, request: Request, caller: Caller, admitted: Admitted, body: bytes) -> Answer:
        """Publish and wait. What the limits or an unknown model forbid is refused before anything is published.

        body: as it was sent; with an Idempotency-Key, the same body gets the same answer.
        """
        with self.let_in(caller, admitted):
            return await self.complete_within(request, caller, admitted, body)

    async def complete_within(self, request: Request, caller: Caller, admitted: Admitted, body: bytes) -> Answer:
        """As `complete`, for who has been let in already."""
        key = idempotency_key(request.headers, caller.tenant_id, request.url.path, body)
        order = await self._order(request, caller, admitted)
        return await (self.inferences.complete(order) if key is None else self.once.complete(order, key))

    @contextmanager
    def let_in(self, caller: Caller, admitted: Admitted) -> Iterator[None]:
        """Raises InferenceFailedError when the tenant may not send anything; that is on record then."""
        if (told := self._refusal(caller)) is not None:
            raise self.rejections.rejected(caller, admitted, told)
        try:
            yield
        finally:
            self.doorkeeper.leave(caller.tenant_id)

    @contextmanager
    def let_probe(self, caller: Caller) -> Iterator[None]:
        """A probe is a request like any other and spends nothing. Raises TallygateError when there is no place."""
        with self.probes.place():
            told = self.doorkeeper.enter(caller.tenant_id, self.registry.of(caller.tenant_id).terms)
            if told is not None:
                raise TallygateError.of(told)
            try:
                yield
            finally:
                self.doorkeeper.leave(caller.tenant_id)

    def may_begin(self, caller: Caller) -> None:
        """For jobs, which take their time elsewhere. Raises TallygateError when the tenant may not send anything."""
        if (told := self._refusal(caller)) is not None:
            raise TallygateError.of(told)
        self.doorkeeper.leave(caller.tenant_id)

    def over_budget(self, caller: Caller) -> Failure | None:
        return over_budget(self._terms(caller), self.conditions.spent(caller.tenant_id), datetime.now(UTC))

    def _refusal(self, caller: Caller) -> Failure | None:
        """Why the tenant may not send anything now. None: it may, and `doorkeeper.leave` must follow."""
        return self.over_budget(caller) or self.doorkeeper.enter(caller.tenant_id, self._terms(caller))

    def _terms(self, caller: Caller) -> Terms:
        return self.registry.of(caller.tenant_id).terms

    async def _order(self, request: Request, caller: Caller, admitted: Admitted) -> Order:
        models = self.models(caller)
        try:
            known_model(models, admitted.model, caller.allowed_models, admitted.options)
        except TallygateError:
            # Another gateway may have registered it a moment ago.
            models = await self.registry.refresh(caller.tenant_id)
            known_model(models, admitted.model, caller.allowed_models, admitted.options)
        left = partial(caller_left, request) if asks_to_cancel(request) else None
        return Order(caller, admitted, models.version, traceparent(request), left)


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway
