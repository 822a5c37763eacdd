"""A gateway that reads ingress topics, in memory: what it keeps, publishes and sets aside."""
# ruff: noqa: ARG002 - these stand for more than tests ask of them

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aiokafka import ConsumerRecord
from aiokafka.structs import RecordMetadata

from services.gateway.ingress.batch import as_known
from services.gateway.ingress.parts import Parts
from services.gateway.ingress.reading import read
from services.gateway.ingress.store import Due, Known, New, Refused, ReplyKeyStore, UpstreamStore
from services.gateway.ingress.taking import Taking
from services.gateway.tenants.changes import Change
from services.gateway.tenants.store import TenantStore
from shared.errors import Failure
from shared.events import InferenceRequested, InferenceSettled, utc_now
from shared.events.ingress import Ingress
from shared.events.upstream import UpstreamReplyFailed
from shared.kafka.keeper import Heard
from tests.support.gateway_app import Broker, Here, gateway_here
from tests.unit.shared.kafka.records import record

OWN, SHARED = "acme.requests", "shared"
INGRESS = Ingress.parse(f"{OWN}=acme,{SHARED}=*")


class Letters(Broker):
    """letters: dead-letter topic, error type and reason of each. sent: what goes as bytes; refusing: raised instead."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[tuple[str, str, str]] = []
        self.sent: list[tuple[str, Any, dict[str, str]]] = []
        self.refusing: list[Exception] = []
        self.source = "tallygate/test"

    async def send_raw(
        self, topic: str, body: bytes | None, key: bytes | None, headers: Iterable[tuple[str, bytes | None]],
        partition: int | None = None,
    ) -> RecordMetadata:  # fmt: skip
        said = {name: (value or b"").decode("utf-8", "replace") for name, value in headers}
        if topic.endswith(".dlq"):
            self.letters.append((topic, said["dlq_error_type"], said["dlq_reason"]))
        elif self.refusing:
            raise self.refusing.pop(0)
        else:
            self.sent.append((topic, json.loads(body or b"null"), said))
        return RecordMetadata(topic, 0, None, 0, 0, 0, 0)


class Rows(UpstreamStore):
    """tenants: who is known. open: how many inferences a tenant has that have not ended."""

    def __init__(self) -> None:
        self.tenants = {"acme", "other"}
        self.rows: dict[UUID, Known] = {}
        self.added: list[New] = []
        self.refused: dict[UUID, Refused] = {}
        self.open: list[int] = [0]
        self.failing: list[Exception] = []
        self.due_now: list[Due] = []
        self.told_ids: list[UUID] = []
        self.put_off_until: list[tuple[str | None, datetime]] = []

    async def known(self, inference_ids: Sequence[UUID]) -> dict[UUID, Known]:
        if self.failing:
            raise self.failing.pop(0)
        return {one: self.rows[one] for one in inference_ids if one in self.rows}

    async def open_of(self, tenant_id: str, now: datetime, most: int) -> int:
        return self.open.pop(0) if len(self.open) > 1 else self.open[0]

    async def add(self, new: Sequence[New], now: datetime) -> set[UUID]:
        taken = [one for one in new if one.tenant_id in self.tenants and one.inference_id not in self.rows]
        self.added += taken
        self.rows |= {one.inference_id: as_known(one) for one in taken}
        return {one.inference_id for one in taken}

    async def refuse(self, refused: Sequence[Refused], now: datetime) -> None:
        for one in refused:
            self.refused[one.reply_id] = one
            self.rows[one.reply_id] = Known(one.tenant_id, None, one.reply_topic, ended=True)

    async def take(self, now: datetime, lease: timedelta, most: int) -> list[Due]:
        taken, self.due_now = self.due_now, []
        return taken

    async def told(self, reply_ids: Sequence[UUID], now: datetime) -> None:
        self.told_ids += reply_ids

    async def put_off(self, reply_ids: Sequence[UUID], topic: str | None, until: datetime) -> None:
        self.put_off_until.append((topic, until))

    def failures(self) -> dict[UUID, Failure]:
        """By inference: what those who asked are told."""
        told = [UpstreamReplyFailed.decoded(one.refusal) for one in self.refused.values()]
        return {one.inference_id: one.error for one in told}


class Keys(ReplyKeyStore):
    def __init__(self) -> None:
        self.known = {("acme", "k1"): b"\x05" * 32}

    async def key(self, tenant_id: str, reply_key_id: str) -> bytes | None:
        return self.known.get((tenant_id, reply_key_id))


class Changes(TenantStore):
    def __init__(self) -> None:
        self.recorded: list[Change] = []

    async def record(self, change: Change) -> None:
        self.recorded.append(change)


@dataclass
class IngressHere:
    """woken: once for each time that who tells was woken."""

    here: Here
    takings: dict[str, Taking]
    store: Rows
    letters: Letters
    changes: Changes
    woken: list[None]
    offset: int = 0
    records: list[ConsumerRecord] = field(default_factory=list)

    async def take(self, *bodies: object, topic: str = OWN) -> None:
        """Records with these bodies come in one batch."""
        self.records = []
        for body in bodies:
            self.offset += 1
            value = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.records.append(record(topic, value, offset=self.offset))
        await self.again(topic)

    async def again(self, topic: str = OWN) -> None:
        """They come once more, as nothing was committed."""
        await self.takings[topic].keep([Heard(one, read(one)) for one in self.records])

    @property
    def requested(self) -> list[InferenceRequested]:
        return [event for event in self.here.broker.events if isinstance(event, InferenceRequested)]

    async def rejected(self) -> list[InferenceSettled]:
        rejections = self.here.gateway.completing.rejections
        await rejections.start()
        await rejections.stop()
        return [event for event in self.here.broker.events if isinstance(event, InferenceSettled)]


def ingress_here(**settings: Any) -> IngressHere:
    here, store, letters, changes = gateway_here(**settings), Rows(), Letters(), Changes()
    parts = Parts(
        ingress=INGRESS,
        completing=here.gateway.completing,
        background=here.gateway.background,
        responses=here.gateway.background_responses,
        store=store,
        reply_keys=Keys(),
        tenants=changes,
        publisher=letters,
        max_body_bytes=100_000,
    )
    woken: list[None] = []
    takings = {topic: Taking(parts, topic, lambda: woken.append(None)) for topic in (OWN, SHARED)}
    return IngressHere(here, takings, store, letters, changes, woken)


def asked(one: UUID, **more: Any) -> dict[str, Any]:
    return {
        "inference_id": str(one),
        "input": {"messages": [{"role": "user", "content": "hi"}]},
        "request_model": "custom:m",
        "reply_topic": "replies.acme",
        "accepted_at": utc_now().isoformat(),
    } | more
