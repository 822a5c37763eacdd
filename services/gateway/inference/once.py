"""One Idempotency-Key, one id, published at least once, even when the process that began it dies.

The order is: claim the key in the database, publish under the id that it stands for, mark the key as published.

- The claim comes first. Otherwise two requests with one key, at two gateways, would each publish an inference of their
  own, and both would be paid for.
- The request that claimed the key publishes; others with the same key wait for it. When it has not published within
  `stale_after_s`, its process is taken for dead, and one of those that wait takes over.
- Whether the dead process published is not known: it may have died between the ack and the mark. So the second one
  publishes with `republished`, and the reader of the topic recognizes the duplicate by the id.
- The mark comes last. A key that is marked and not on the topic would never be published, and never answered.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from services.gateway.inference.idempotency import IdempotencyKey, KnownKey, other_body
from shared.db.failures import RETRYABLE
from shared.events import new_id, utc_now

logger = structlog.get_logger(__name__)

_LOOK_AGAIN_S = 1.0

# Called with `republished`. Returns when what it publishes is acked.
Publish = Callable[[bool], Awaitable[None]]


class Keys(Protocol):
    """What is needed of a store of keys. Each method is atomic, so of two processes only one can be first."""

    async def claim_key(self, key: IdempotencyKey, new_id: UUID, now: datetime) -> KnownKey:
        """What the key stands for: `new_id` when it was not claimed before, else the id of the first claim."""

    async def known_key(self, key: IdempotencyKey) -> KnownKey | None:
        """What the key stands for; None when it was never claimed, or was forgotten."""

    async def take_over(self, key: IdempotencyKey, now: datetime, older_than: datetime) -> bool:
        """Whether the caller may publish in place of a process that began before `older_than` and has not published.

        True for one of several callers: it sets the time of the beginning to `now`.
        """

    async def key_published(self, key: IdempotencyKey, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A key, and the id that it stands for. first: this request claimed the key, and so has to publish."""

    key: IdempotencyKey
    id: UUID
    first: bool
    published: bool


class Once:
    """stale_after_s: a process that has not published so long after it began is taken for dead. Longer than a publish
    can take, so that a slow process is not overtaken; 0 for messages that do no harm when they are published twice.

    look_again_s: how often a request that waits for another one's publication looks for it.
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
        """Whether the key was sent before and its message is acked. Claims nothing."""
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
        """Returns when the message of the claim is published, by this or another process.

        Returns also when `done` has a result, which proves the same, and at `until`. Raises what `publish` raises.
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
            # Claimed again instead of looked up: when retention has deleted the key meanwhile, a later request with it
            # must get the id that this one waits for, and not a new one.
            if (await self._keys.claim_key(claim.key, claim.id, now)).published:
                return
            await asyncio.wait((done,), timeout=self._look_again_s)

    async def _publish(self, key: IdempotencyKey, publish: Publish, *, republished: bool) -> None:
        """Marks the key only after the ack: one that is marked and not on the topic would never be published."""
        await publish(republished)
        try:
            await self._keys.key_published(key, self._now())
        except RETRYABLE as error:
            # The publication stands. A request that waits may publish it again, and the reader knows it by its id.
            logger.warning("idempotency.not_marked", reason=type(error).__name__, route=key.route)
