"""The gateway's parts, held together for its routes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import aiohttp
from starlette.requests import Request

from services.gateway.background.background import BackgroundInferences
from services.gateway.background.responses import BackgroundResponses
from services.gateway.batches.rounds import BatchRounds
from services.gateway.batches.store import BatchStore
from services.gateway.bodies import BodyModel, parsed
from services.gateway.conversations.store import ConversationStore
from services.gateway.dead_letters import DeadLetters
from services.gateway.edge import BodyLimits, read_body, read_sent, tells_allowances, when_answered
from services.gateway.event_stream import StreamTimes
from services.gateway.feature_jobs.accepting import AcceptingJobs
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.feature_jobs.watch import FeatureWatch, FeatureWorkers
from services.gateway.files.purging import Purging
from services.gateway.files.store import FileTable
from services.gateway.files.uploading import Uploads
from services.gateway.headers import headers_of
from services.gateway.inference.completing import Completing, Sent
from services.gateway.ingress.store import ReplyKeyStore
from services.gateway.models.probe_limit import ProbeLimit
from services.gateway.models.setup import Setups
from services.gateway.models.store import ModelStore
from services.gateway.responses.keeping import Responses
from services.gateway.session_caps.store import SessionCapStore
from services.gateway.settings import GatewaySettings
from services.gateway.tenants.changes import person_of
from services.gateway.tenants.store import TenantStore
from services.gateway.webhooks.store import WebhookStore
from shared.access import Authenticator, Caller, Scope
from shared.crypto import KeyRing
from shared.files import Files
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
    completing: Completing
    tenants: TenantStore
    custom_models: ModelStore
    probe_limit: ProbeLimit
    setups: Setups
    conversations: ConversationStore
    responses: Responses
    background: BackgroundInferences
    background_responses: BackgroundResponses
    batches: BatchStore
    batch_rounds: BatchRounds
    webhooks: WebhookStore
    session_caps: SessionCapStore
    files: Files
    file_table: FileTable
    uploads: Uploads
    purging: Purging
    reply_keys: ReplyKeyStore
    features: FeatureStore
    feature_watch: FeatureWatch
    feature_workers: FeatureWorkers
    accepting_jobs: AcceptingJobs
    bodies: BodyLimits
    stream_times: StreamTimes
    dead_letters: DeadLetters
    queue_ages_s: Callable[[], Mapping[str, float | None]]  # by topic; None: not known
    monitor: aiohttp.ClientSession

    async def caller(self, request: Request, *scopes: Scope) -> Caller:
        """Raises TallygateError (401, 403) unless the request carries a key that has at least one of the scopes."""
        caller = await self.authenticator.caller(headers_of(request.scope))
        tells_allowances(request, partial(self.completing.allowances, caller))
        caller.require(*scopes)
        person = person_of(headers_of(request.scope))
        return caller if person is None else replace(caller, person=person)

    async def asked(self, request: Request) -> tuple[Caller, Sent]:
        """Of an inference: who asks, and what was sent. The caller's place is held until it is answered, or told to its
        end. Raises TallygateError: for the key, as `Completing.take_place`, and for a body that cannot be read."""
        caller = await self.caller(request, "inference")
        self.completing.take_place(caller, headers_of(request.scope))
        when_answered(request, partial(self.completing.leave, caller))
        return caller, await self.sent(request, caller)

    def admit(self, request: Request, caller: Caller) -> None:
        """Of what is no inference: within the tenant's limits until it is answered. Admins are always let in: they must
        be able to act when tenants send too much. Raises TallygateError."""
        if not caller.is_admin:
            self.completing.enter(caller)
            when_answered(request, partial(self.completing.leave, caller))

    async def body(self, request: Request, caller: Caller, kind: type[BodyModel]) -> BodyModel:
        """Of what is no inference. Raises TallygateError as `admit`, and for a body that is not valid."""
        self.admit(request, caller)
        return parsed(kind, await read_body(request, caller.tenant_id, self.bodies))

    async def sent(self, request: Request, caller: Caller) -> Sent:
        """For a caller that has been let in."""
        return await read_sent(request, caller.tenant_id, self.bodies)


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway
