"""What is not taken of some records: told to its sender, a dead letter where the record is at fault, in the books where
a limit was.

It is written for all of the records together: of a topic that several share, whoever floods it is refused much more
often than anybody is taken, and all wait meanwhile.
"""

import asyncio
from collections.abc import Callable

from services.gateway import instruments
from services.gateway.inference.labels import Labels
from services.gateway.ingress.parts import Parts, caller_of
from services.gateway.ingress.reading import Line
from services.gateway.ingress.store import Refused
from shared.errors import Failure
from shared.events import InferenceSettled, utc_now
from shared.events.ingress import ANY_TENANT
from shared.events.upstream import UpstreamReplyFailed
from shared.kafka import ConsumerRecord
from shared.kafka.dead_letters.sending import dead_letter


class Refusals:
    """Of records of one topic. wake: called when there is a refusal to be told."""

    def __init__(self, parts: Parts, topic: str, wake: Callable[[], None]) -> None:
        self._parts = parts
        self._topic = topic
        self._owner = parts.ingress.owners.get(topic)
        self._wake = wake
        self._rows: list[Refused] = []
        self._rejections: list[InferenceSettled] = []
        self._letters: list[tuple[ConsumerRecord, str, str]] = []

    def refuse(self, line: Line, trace_context: str | None, refusal: Failure) -> Failure:
        """To be told, where it may be: to a topic that its sender may name, for whoever the topic is."""
        instruments.ingress_requests.labels(self._topic, refusal.error_type).inc()
        whence, ingress = line.whence, self._parts.ingress
        tenant_id = whence.tenant_id if self._owner == ANY_TENANT else self._owner
        if whence.reply_topic is None or tenant_id is None or not ingress.may_reply_to(whence.reply_topic):
            return refusal
        told = UpstreamReplyFailed(
            event_id=whence.reply_id, inference_id=whence.inference_id, tenant_id=tenant_id, settlement="rejected",
            error=refusal,
        )  # fmt: skip
        self._rows.append(
            Refused(whence.reply_id, whence.inference_id, tenant_id, whence.reply_topic, trace_context, told.encoded())
        )
        return refusal

    def reject(self, line: Line, trace_context: str | None, refusal: Failure, tenant_id: str) -> None:
        """What is right and comes at the wrong time is in the books, too."""
        request, caller = line.request, caller_of(tenant_id, self._topic)
        said = Labels(None, None) if request is None else Labels(request.session, request.tags)
        rejections = self._parts.completing.rejections
        self._rejections.append(rejections.settled(caller, refusal, said, line.whence.inference_id))
        self.refuse(line, trace_context, refusal)

    def set_aside(self, record: ConsumerRecord, error_type: str, why: str) -> None:
        self._letters.append((record, error_type, why))

    async def write(self) -> None:
        """Returns when all is on record."""
        rows, self._rows = self._rows, []
        rejections, self._rejections = self._rejections, []
        letters, self._letters = self._letters, []
        if rejections:
            await self._parts.completing.rejections.put_on_record(rejections)
        if rows:
            await self._parts.store.refuse(rows, utc_now())
            self._wake()
        await asyncio.gather(*(dead_letter(self._parts.publisher, *letter, limited=False) for letter in letters))
