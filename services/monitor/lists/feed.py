"""The live feed: what the outcomes topic tells, as it is told, to those who watch.

It is read beside the booking, without a group, and only while somebody watches: so every monitor hears everything, and
booking never waits for a reader. Records of tenants that nobody watches are not decoded.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from services.monitor.lists.filters import Filters
from services.monitor.lists.live_events import LiveEvent, is_wanted, told
from shared.errors import TallygateError
from shared.kafka import ConsumerRecord, KafkaError

_TENANT = b'"tenant_id":"'
_TIPS = (
    "Close a feed that you do not read, or filter one by model, error_type or state.",
    "Operators: TALLYGATE_MONITOR_FEEDS_PER_TENANT and TALLYGATE_MONITOR_FEEDS",
)


class Heard(Protocol):
    """What tells the feed, from its start to its stop; `start` raises KafkaError."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Reader:
    """One who watches. Events wait for it up to `most`; with one more it is cut off, and takes nothing any more."""

    def __init__(self, tenant_id: str, filters: Filters, most: int) -> None:
        self.tenant_id = tenant_id
        self._filters = filters
        self._most = most
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.is_cut = False
        self.is_over = False

    def offer(self, event: LiveEvent, encoded: Callable[[], bytes]) -> None:
        if self.is_cut or not is_wanted(event, self._filters):
            return
        if len(self._waiting) >= self._most:
            self.is_cut = True
            self._waiting.clear()
        else:
            self._waiting.append(encoded())
        self._news.set()

    def end(self) -> None:
        self.is_over = True
        self._news.set()

    async def take(self, within_s: float) -> bytes:
        """What has come; nothing when nothing came in time, when the reader is cut off, or when the feed is over."""
        try:
            async with asyncio.timeout(within_s):
                await self._news.wait()
        except TimeoutError:
            return b""
        if not self.is_over:
            self._news.clear()
        events = b"".join(self._waiting)
        self._waiting.clear()
        return events


class Feed:
    """heard: made anew for each time of watching, with what is to be called. most, per_tenant: of readers. waiting:
    events of one reader."""

    def __init__(
        self, heard: Callable[[Callable[[Sequence[ConsumerRecord]], None]], Heard], *, most: int, per_tenant: int,
        waiting: int,
    ) -> None:  # fmt: skip
        self._heard = heard
        self._most = most
        self._per_tenant = per_tenant
        self._waiting = waiting
        self._readers: set[Reader] = set()
        self._tenants: Counter[bytes] = Counter()
        self._hearing: Heard | None = None
        self._changing = asyncio.Lock()
        self._is_over = False

    @asynccontextmanager
    async def reader(self, tenant_id: str, filters: Filters) -> AsyncIterator[Reader]:
        """What is told from now on. Raises TallygateError: 429 when too many watch, 503 when nothing can be heard."""
        self._check_room(tenant_id)
        reader, name = Reader(tenant_id, filters, self._waiting), tenant_id.encode()
        self._readers.add(reader)
        self._tenants[name] += 1
        try:
            await self._hear()
            yield reader
        finally:
            self._readers.discard(reader)
            self._tenants[name] -= 1
            if not self._tenants[name]:
                del self._tenants[name]
            await self._hear()

    def end(self) -> None:
        """Everybody's, as the process stops."""
        self._is_over = True
        for reader in self._readers:
            reader.end()

    def _check_room(self, tenant_id: str) -> None:
        mine = self._tenants[tenant_id.encode()]
        if mine >= self._per_tenant or len(self._readers) >= self._most:
            whose = f"{mine} feeds of your tenant are" if mine >= self._per_tenant else f"{self._most} feeds are"
            raise TallygateError("too_many_requests", f"{whose} open already", retry_after_s=5.0, tips=_TIPS)
        if self._is_over:
            raise TallygateError("unavailable", "this monitor stops", retry_after_s=2.0)

    async def _hear(self) -> None:
        """While somebody watches."""
        async with self._changing:
            if self._readers and self._hearing is None:
                hearing = self._heard(self.hear)
                try:
                    await hearing.start()
                except KafkaError as error:
                    detail = f"the broker cannot be reached: {type(error).__name__}"
                    raise TallygateError("unavailable", detail, retry_after_s=2.0) from error
                self._hearing = hearing
            elif not self._readers and self._hearing is not None:
                hearing, self._hearing = self._hearing, None
                await hearing.stop()

    def hear(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            body = record.value
            if body is not None and _tenant_in(body) in self._tenants:
                for event in told(body):
                    self._tell(event)

    def _tell(self, event: LiveEvent) -> None:
        encoded = _once(event)
        for reader in self._readers:
            if reader.tenant_id == event.tenant_id:
                reader.offer(event, encoded)


def _tenant_in(body: bytes) -> bytes:
    """As our own services write it, near the beginning. What is written otherwise is told to nobody."""
    at = body.find(_TENANT) + len(_TENANT)
    return body[at : body.find(b'"', at)]


def _once(event: LiveEvent) -> Callable[[], bytes]:
    made: list[bytes] = []

    def encoded() -> bytes:
        if not made:
            made.append(event.encoded())
        return made[0]

    return encoded
