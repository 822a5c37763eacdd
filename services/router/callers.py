"""Those who wait for answers are told by the lane of their gateway, and where it cannot be had by the reply topic."""

import asyncio
import base64
from functools import cached_property

from shared.crypto import KeyRing, seal_bytes
from shared.events import InferenceRequested, ReplyCompleted, ReplyFailed
from shared.events.topics import REPLIES
from shared.kafka.publisher import Outgoing, Publisher
from shared.lane import Lanes
from shared.lane.payloads import reply_context, with_sealed_body
from shared.lane.router_side import REST_S, Gateway

_TAKEN_WITHIN_S = 2.0
_TRIES = 3  # for a caller who can be told by the lane alone


class Reply:
    """said: without its sealed body. body: what that is to hold; sealed when it is first needed, and once."""

    def __init__(self, ring: KeyRing, said: ReplyCompleted | ReplyFailed, body: bytes = b"") -> None:
        self._ring = ring
        self.said = said
        self.body = body

    @cached_property
    def sealed_body(self) -> bytes:
        context = reply_context(self.said.tenant_id, self.said.inference_id)
        return seal_bytes(self._ring, context, self.body) if self.body else b""

    @cached_property
    def event(self) -> ReplyCompleted | ReplyFailed:
        """As it goes by a topic."""
        if not self.body:
            return self.said
        return self.said.model_copy(update={"sealed_body": base64.b64encode(self.sealed_body).decode()})

    @property
    def frame(self) -> bytes:
        """The payload of a REPLY."""
        return with_sealed_body(self.said, self.sealed_body)


class Callers:
    def __init__(self, ring: KeyRing, publisher: Publisher) -> None:
        self._lanes = Lanes(ring, lambda _: None)
        self._publisher = publisher

    async def stop(self) -> None:
        await self._lanes.stop()

    async def tell(self, request: InferenceRequested, reply: Reply, traceparent: str | None) -> None:
        """Returns when the gateway has the reply, when it is acked on its topic, or when nobody can be told."""
        if request.reply_to is not None:
            gateway = Gateway(request.reply_to.host, request.reply_to.port, request.reply_to.gateway_id)
            if await self._by_lane(gateway, request, reply):
                return
        if request.reply_partition is not None:
            by_topic = Outgoing(REPLIES, reply.event, traceparent, request.reply_partition)
            await self._publisher.publish_until_acked(by_topic)

    async def _by_lane(self, gateway: Gateway, request: InferenceRequested, reply: Reply) -> bool:
        if await self._lanes.reply(gateway, request.inference_id.bytes, reply.frame, _TAKEN_WITHIN_S):
            return True
        tries = 1 if request.reply_partition is not None else _TRIES
        for _ in range(1, tries):
            await asyncio.sleep(REST_S)
            if await self._lanes.reply(gateway, request.inference_id.bytes, reply.frame, _TAKEN_WITHIN_S):
                return True
        return False
