"""Those who wait for answers are told by the lane of their gateway, and where it cannot be had by the reply topic."""

import asyncio
import base64
from functools import cached_property

from services.router.chunk_stream import ChunkStream
from shared.crypto import KeyRing, seal_bytes
from shared.events import InferenceRequested, ReplyCompleted, ReplyFailed
from shared.events.topics import REPLIES
from shared.kafka.publisher import Outgoing, Publisher
from shared.lane import Frame, Kind, Lanes
from shared.lane.payloads import MAX_ATTEMPT_NUMBER, reply_context, with_sealed_body
from shared.lane.router_side import REST_S, Gateway

_ANSWERED_WITHIN_S = 5.0
_TRIES = 3  # for a caller who can be told by the lane alone


class Reply:
    """said: without its sealed body. body: what that is to hold; sealed when it is first needed, and once.

    chunks: what has told the same already, or will before the reply does, when all of it goes by the lane.
    """

    def __init__(
        self, ring: KeyRing, said: ReplyCompleted | ReplyFailed, body: bytes = b"", chunks: ChunkStream | None = None
    ) -> None:
        self._ring = ring
        self.said = said
        self.body = body
        self.chunks = chunks

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


class Callers:
    """What gateways say of streams reaches them by `_heard`."""

    def __init__(self, ring: KeyRing, publisher: Publisher) -> None:
        self._ring = ring
        self._lanes = Lanes(ring, self._heard)
        self._publisher = publisher
        self._streams: dict[bytes, ChunkStream] = {}  # by inference

    async def stop(self) -> None:
        await self._lanes.stop()

    def stream(self, request: InferenceRequested, attempt_number: int, *, by_lane: bool) -> ChunkStream:
        """The way of a call's chunks to the caller. `over` must follow. by_lane: if it can be had; otherwise they are
        kept for the reply."""
        gateway = _gateway(request) if by_lane and attempt_number <= MAX_ATTEMPT_NUMBER else None
        stream = ChunkStream(self._ring, self._lanes, gateway, request, attempt_number)
        self._streams[stream.inference_id] = stream
        return stream

    def over(self, stream: ChunkStream) -> None:
        stream.close()
        if self._streams.get(stream.inference_id) is stream:
            del self._streams[stream.inference_id]

    async def ask(self, request: InferenceRequested) -> Kind | None:
        """What the gateway has told of the answer: nothing (FRESH), a beginning (BEGUN); GONE when nobody waits there;
        None when it cannot be asked."""
        gateway = _gateway(request)
        lane = None if gateway is None else await self._lanes.lane(gateway)
        asked = Frame(Kind.ASK, request.inference_id.bytes)
        return None if lane is None else await lane.ask(asked, _ANSWERED_WITHIN_S)

    async def tell(self, request: InferenceRequested, reply: Reply, traceparent: str | None) -> None:
        """Returns when the gateway has the reply, when it is acked on its topic, or when nobody can be told."""
        gateway = _gateway(request)
        if gateway is not None and await self._by_lane(gateway, request, reply):
            return
        if request.reply_partition is not None:
            by_topic = Outgoing(REPLIES, reply.event, traceparent, request.reply_partition)
            await self._publisher.publish_until_acked(by_topic)

    async def _by_lane(self, gateway: Gateway, request: InferenceRequested, reply: Reply) -> bool:
        for tried in range(1 if request.reply_partition is not None else _TRIES):
            if tried:
                await asyncio.sleep(REST_S)
            if await self._once_by_lane(gateway, request, reply, whole=tried > 0):
                return True
        return False

    async def _once_by_lane(self, gateway: Gateway, request: InferenceRequested, reply: Reply, *, whole: bool) -> bool:
        """whole: also what its chunks have told."""
        if reply.chunks is not None and reply.chunks.goes_by_lane and not whole:
            return await reply.chunks.reply(with_sealed_body(reply.said, b""), _ANSWERED_WITHIN_S)
        payload = with_sealed_body(reply.said, reply.sealed_body)
        return await self._lanes.reply(gateway, request.inference_id.bytes, payload, _ANSWERED_WITHIN_S)

    def _heard(self, word: Frame) -> None:
        stream = self._streams.get(word.inference_id)
        if stream is not None:
            stream.heard(word.kind)


def _gateway(request: InferenceRequested) -> Gateway | None:
    where = request.reply_to
    return None if where is None else Gateway(where.host, where.port, where.gateway_id)
