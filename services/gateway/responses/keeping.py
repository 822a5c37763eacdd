"""Responses that are kept: sealed, found again by their id, and gone on from."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import orjson
import structlog

from services.gateway.bodies import InvalidBodyError
from services.gateway.responses.asking import KEPT_THOUGHTS
from services.gateway.responses.response import Telling, inference_id_in
from services.gateway.responses.schemas import ResponseBody
from services.gateway.responses.store import KeptResponse, ResponseStore
from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.events import utc_now

logger = structlog.get_logger(__name__)

_Object = dict[str, Any]
Finish = Callable[[str, UUID], Awaitable[bool]]
_THOUGHTS = "thoughts"  # what is sealed in the `encrypted_content` of a reasoning item; it is the caller's, not an id's


class Responses:
    def __init__(self, store: ResponseStore, ring: KeyRing) -> None:
        self._store = store
        self._ring = ring

    async def earlier(self, tenant_id: str, asked: ResponseBody, finish: Finish) -> list[_Object]:
        """The items that a response goes on from, oldest first. finish: keeps a response that has ended in the
        background and was not fetched yet. Raises TallygateError."""
        if asked.previous_response_id is None:
            return []
        previous = inference_id_in(asked.previous_response_id)
        turns = [] if previous is None else await self._store.turns(tenant_id, previous)
        if previous is not None and not turns and await finish(tenant_id, previous):
            turns = await self._store.turns(tenant_id, previous)
        if not turns or turns[0].previous_id is not None:
            why = "its first responses are not kept any more" if turns else "no such response is kept"
            raise InvalidBodyError(f"previous_response_id: {why}", "previous_response_id")
        kept = [self._opened(tenant_id, turn) for turn in turns]
        return [item for turn in kept for item in (*turn["input"], *turn["response"]["output"])]

    async def keep(self, tenant_id: str, asked: ResponseBody, inference_id: UUID, telling: Telling) -> None:
        """Says in the response whether it is kept: an answer that was paid for is not lost because this fails."""
        content = orjson.dumps({"response": telling.to_keep, "input": input_items(asked, inference_id)})
        previous = inference_id_in(asked.previous_response_id or "")
        sealed = seal(self._ring, _context(tenant_id, inference_id), content)
        try:
            await self._store.keep(tenant_id, KeptResponse(inference_id, previous, sealed), utc_now())
        except RETRYABLE as error:
            logger.warning("response.not_kept", inference_id=str(inference_id), reason=type(error).__name__)
        else:
            telling.mark_kept()

    async def kept(self, tenant_id: str, response_id: UUID) -> _Object | None:
        """`response` and `input`. Raises TallygateError when they cannot be opened."""
        kept = await self._store.kept(tenant_id, response_id)
        if kept is None:
            return None
        content = self._opened(tenant_id, kept)
        for item in content["response"]["output"]:
            item.pop(KEPT_THOUGHTS, None)
        return content

    async def delete(self, tenant_id: str, response_id: UUID) -> bool:
        """Whether there was one."""
        return await self._store.delete(tenant_id, response_id)

    def seal_thoughts(self, tenant_id: str, blocks: list[Any]) -> str:
        return seal(self._ring, SealedContext(tenant_id, _THOUGHTS, ""), orjson.dumps(blocks))

    def open_thoughts(self, tenant_id: str, sealed: str) -> list[Any]:
        """Raises InvalidBodyError."""
        try:
            blocks: list[Any] = orjson.loads(open_sealed(self._ring, SealedContext(tenant_id, _THOUGHTS, ""), sealed))
        except UnreadableSecretError as error:
            detail = f"encrypted_content of a reasoning item cannot be opened: {error}"
            raise InvalidBodyError(detail, "input") from None
        return blocks

    def _opened(self, tenant_id: str, kept: KeptResponse) -> _Object:
        try:
            content: _Object = orjson.loads(
                open_sealed(self._ring, _context(tenant_id, kept.response_id), kept.sealed_content)
            )
        except UnreadableSecretError as error:
            raise TallygateError("key_unreadable", f"a kept response cannot be opened: {error}") from None
        return content


def _context(tenant_id: str, response_id: UUID) -> SealedContext:
    return SealedContext(tenant_id, "response", str(response_id))


def input_items(asked: ResponseBody, inference_id: UUID) -> list[_Object]:
    """As they are listed later: each has an id."""
    return [{"id": f"in_{inference_id.hex}{n:02x}", **item} for n, item in enumerate(asked.given)]


def not_kept(text: str) -> TallygateError:
    tips = ('A response is kept unless it is asked for with "store": false, for TALLYGATE_RESPONSE_RETENTION_S.',)
    return TallygateError("invalid_request", f"no response {text!r:.80} is kept", http_status=404, tips=tips)
