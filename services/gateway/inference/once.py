"""One key, one id, published at least once, whoever dies.

The database decides who publishes: whoever claims a key first gives it its id and publishes under it. Everybody else
gets the same id and waits until it is published. When the first one has died before that, one of them publishes in its
place; since nobody knows then whether the first one's message is on the topic, it says so (`republished`), and the
reader of the topic knows what comes twice by its id.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from services.gateway.inference.idempotency import IdempotencyKey, KnownKey, other_body
from shared.db.pool import RETRYABLE
from shared.events import new_id, utc_now

logger = structlog.get_logger(__name__)

_LOOK_AGAIN_S = 1.0

# Called with `republished`. Returns when what it publishes is acked.
Publish = Callable[[bool], Awaitable[None]]


class Keys(Protocol):
    """What is needed of a store of keys. Each verb is atomic: it happens at one moment, or not at all."""

    async def claim_key(self, key: IdempotencyKey, new_id: UUID, now: datetime) -> KnownKey:
        """The key stands for `new_id` from now on, or for what it was first sent with."""

    async def known_key(self, key: IdempotencyKey) -> KnownKey | None:
        """What it stands for, if it was ever claimed."""

    async def take_over(self, key: IdempotencyKey, now: datetime, older_than: datetime) -> bool:
        """True for the one who may publish what somebody else set out to publish before `older_than`, and has not."""

    async def key_published(self, key: IdempotencyKey, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A key, and the id that it stands for. first: nobody came before, so it is for this one to publish."""

    key: IdempotencyKey
    id: UUID
    first: bool
    published: bool


class Once:
    """stale_after_s: who has not published so long after it set out to has died, and somebody else may. 0: at once,
    for what does no harm when it is published twice.

    look_again_s: how often those who wait for somebody else to publish look whether it has.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        stale_after_s: float,
        look_again_s: float = _LOOK_AGAIN_S,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._keys = keys
        self._stale_after = timedelta(seconds=stale_after_s)
        self._look_again_s = look_again_s
        self._now = now

    async def is_published(self, key: IdempotencyKey) -> bool:
        """Whether it was sent before, and what it stands for is on its way for sure. Claims nothing."""
        known = await self._keys.known_key(key)
        return known is not None and known.published

    async def claim(self, key: IdempotencyKey) -> Claim:
        """Raises TallygateError when the key was first sent with another body."""
        ours = new_id()
        known = await self._keys.claim_key(key, ours, self._now())
        if known.body_sha256 != key.body_sha256:
            raise other_body(key)
        return Claim(key, known.id, first=known.id == ours, published=known.published)

    async def publish(
        self, claim: Claim, publish: Publish, *, until: datetime, done: "asyncio.Future[Any] | None" = None
    ) -> None:
        """Returns when what the claim stands for is published, by whomever.

        Returns also when `done` has a result, which says the same, and at `until`. Raises what `publish` raises.
        """
        if claim.first:
            await self._publish(claim.key, publish, republished=False)
        elif not claim.published:
            await self._see_published(claim, publish, until, done or asyncio.get_running_loop().create_future())

    async def _see_published(
        self, claim: Claim, publish: Publish, until: datetime, done: "asyncio.Future[Any]"
    ) -> None:
        while not done.done() and (now := self._now()) < until:
            if await self._keys.take_over(claim.key, now, now - self._stale_after):
                await self._publish(claim.key, publish, republished=True)
                return
            # Claimed, not looked up: a key that was forgotten meanwhile must stand for the same id again.
            if (await self._keys.claim_key(claim.key, claim.id, now)).published:
                return
            await asyncio.wait((done,), timeout=self._look_again_s)

    async def _publish(self, key: IdempotencyKey, publish: Publish, *, republished: bool) -> None:
        """Marked only after the ack: a key that is marked and not on the topic would never be answered."""
        await publish(republished)
        try:
            await self._keys.key_published(key, self._now())
        except RETRYABLE as error:
            # At worst it is published once more, and whoever reads it knows it by its id.
            logger.warning("idempotency.not_marked", reason=type(error).__name__, route=key.route)
