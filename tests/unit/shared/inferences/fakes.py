"""A broker and a table of results that are there as soon as a test says so."""

from collections.abc import Sequence
from uuid import UUID

from shared.crypto import KeyRing, SealedContext, seal
from shared.crypto.keys import new_key
from shared.errors import TallygateError
from shared.events import InferenceEvent, InferenceRequested, ReplyCompleted
from shared.inferences import Reply
from shared.inferences.store import StoredResult
from shared.kafka.publisher import Outgoing, Publisher

RING = KeyRing.parse(new_key())


class Broker(Publisher):
    """away: nothing is acked, and what was published may lie on its topic all the same."""

    def __init__(self) -> None:
        self.away = False
        self.events: list[InferenceEvent] = []

    async def publish(self, *outgoing: Outgoing) -> None:
        if self.away:
            raise TallygateError("unavailable", "no ack")
        self.events += [one.event for one in outgoing if isinstance(one.event, InferenceEvent)]

    @property
    def requests(self) -> list[InferenceRequested]:
        return [event for event in self.events if isinstance(event, InferenceRequested)]


class Table:
    """What the gateway's results hold. failing: what reading them raises."""

    def __init__(self) -> None:
        self.rows: list[StoredResult] = []
        self.failing: Exception | None = None
        self.readings = 0

    def store(self, reply: Reply) -> None:
        self.rows.append(StoredResult(reply.inference_id, reply.tenant_id, reply.ce_type, reply.encoded()))

    async def results(self, inference_ids: Sequence[UUID]) -> list[StoredResult]:
        self.readings += 1
        if self.failing is not None:
            raise self.failing
        return [row for row in self.rows if row.inference_id in inference_ids]


def reply_completed(inference_id: UUID, body: bytes, tenant_id: str = "acme") -> ReplyCompleted:
    sealed = seal(RING, SealedContext(tenant_id, "reply", str(inference_id)), body)
    return ReplyCompleted(
        inference_id=inference_id, tenant_id=tenant_id, sealed_body=sealed, model_served="custom:m", attempts=1
    )
