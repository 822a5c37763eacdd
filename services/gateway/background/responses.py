"""Responses in the background (`"background": true`): asked, looked at while they are worked on, kept when they end.

While one has not ended it is made of its row; its answer is made of the stored result, and then kept like that of any
other response, so that later ones can go on from it.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

from services.gateway.background.background import BackgroundInferences, Outcome
from services.gateway.background.following import AskState
from services.gateway.background.store import Kept
from services.gateway.background.telling import StoredForm, chat_chunks
from services.gateway.bodies import InvalidBodyError, parsed
from services.gateway.inference.admission import Admitted, admit_as_chat
from services.gateway.inference.completing import Begun, Sent
from services.gateway.responses.asking import THOUGHTS, chat_body
from services.gateway.responses.keeping import Responses, input_items
from services.gateway.responses.response import Telling, told_by_chunks
from services.gateway.responses.schemas import ResponseBody
from shared.access import Caller
from shared.errors import TallygateError
from shared.events import utc_now
from shared.wire.reading.chunk_log import UnreadableLogError
from shared.wire.reading.streams import BrokenStreamError

_Object = dict[str, Any]
_ON_ITS_WAY_S = 3.0  # from the settlement in the books to the stored result
_OPEN = {"accepted": "queued", "running": "in_progress"}
OPERATION: Final = "responses"


class BackgroundResponses:
    def __init__(self, background: BackgroundInferences, responses: Responses) -> None:
        self._background = background
        self._responses = responses

    async def begin(self, caller: Caller, sent: Sent, request: bytes) -> tuple[Begun, ResponseBody]:
        """request: the body of a response. Raises InvalidBodyError, and as `Completing.complete`."""
        asked = asked_to_keep(request)
        admitted = await self.admitted(caller.tenant_id, asked, sent.headers)
        return await self._background.begin(caller, sent, OPERATION, admitted, request), asked

    async def kept(self, tenant_id: str, response_id: UUID) -> Kept | None:
        """Of a response that was asked for in the background."""
        kept = await self._background.kept(tenant_id, response_id)
        return kept if kept is not None and kept.operation == OPERATION else None

    async def content(self, kept: Kept, ask: AskState) -> _Object | None:
        """`response` and `input`, as they are now. None when it has ended and is not kept any more."""
        asked, outcome = self.asked(kept), self._background.outcome(kept)
        if kept.is_gone:
            return None
        state = "running" if outcome is not None else await ask()
        if outcome is None and state is not None and state not in _OPEN:
            found = await self._background.until_stored(kept, _ON_ITS_WAY_S)
            outcome = None if found is None else self._background.outcome(found)
        response = self._standing(kept, asked, state) if outcome is None else await self._ended(kept, asked, outcome)
        return {"response": response, "input": input_items(asked, kept.inference_id)}

    async def cancelled(self, kept: Kept, within_s: float) -> _Object:
        """The response after its cancellation was asked for: usually it has ended by then."""
        found = await self._background.until_stored(kept, within_s)
        outcome = None if found is None else self._background.outcome(found)
        asked = self.asked(kept)
        return self._standing(kept, asked, "running") if outcome is None else await self._ended(kept, asked, outcome)

    async def finish(self, tenant_id: str, response_id: UUID) -> bool:
        """Whether it has ended with an answer, which is kept then. Raises InvalidBodyError while it has not ended."""
        kept = await self.kept(tenant_id, response_id)
        if kept is None:
            return False
        outcome = self._background.outcome(kept)
        if not kept.has_ended:
            raise InvalidBodyError("previous_response_id: that response has not ended yet", "previous_response_id")
        if outcome is None or outcome.failed is not None:
            return False
        await self._ended(kept, self.asked(kept), outcome)
        return True

    async def delete(self, tenant_id: str, response_id: UUID) -> bool:
        """Whether there was one. It goes on if it has not ended, and nothing of it is kept for anybody."""
        if await self.kept(tenant_id, response_id) is None:
            return False
        return await self._background.store.delete(tenant_id, response_id)

    async def ended(self, kept: Kept, outcome: Outcome) -> _Object:
        """As it is told, with an answer or without. Raises TallygateError for an answer that cannot be told."""
        return await self._ended(kept, self.asked(kept), outcome)

    def asked(self, kept: Kept) -> ResponseBody:
        return _asked(self._background.request_of(kept))

    async def admitted(self, tenant_id: str, asked: ResponseBody, headers: Mapping[str, str]) -> Admitted:
        """Raises TallygateError."""
        earlier = await self._responses.earlier(tenant_id, asked, self.finish)
        body = chat_body(asked, earlier, partial(self._responses.open_thoughts, tenant_id))
        return admit_as_chat(body, headers, utc_now(), self._background.deadlines)

    def telling(self, tenant_id: str, asked: ResponseBody, inference_id: UUID, created_at: int) -> Telling:
        wanted = THOUGHTS in (asked.include or ())
        seal_thoughts = partial(self._responses.seal_thoughts, tenant_id) if wanted else None
        return Telling(asked, inference_id, created_at, seal_thoughts)

    def _telling(self, kept: Kept, asked: ResponseBody) -> Telling:
        return self.telling(kept.tenant_id, asked, kept.inference_id, int(kept.accepted_at.timestamp()))

    def _standing(self, kept: Kept, asked: ResponseBody, state: str | None) -> _Object:
        """state: None when the books cannot be asked."""
        return self._telling(kept, asked).standing(_OPEN.get(state or "", "in_progress"))

    async def _ended(self, kept: Kept, asked: ResponseBody, outcome: Outcome) -> _Object:
        """As it is told; an answer is kept. Raises TallygateError for an answer that cannot be told."""
        telling = self._telling(kept, asked)
        if outcome.failed is not None:
            failed: _Object = telling.failed(outcome.failed.failure)["response"]
            return failed | {"status": "cancelled", "error": None} if outcome.settlement == "cancelled" else failed
        try:
            await asyncio.to_thread(_add, telling, outcome.form, outcome.body)
        except (BrokenStreamError, UnreadableLogError) as error:
            raise TallygateError("bad_response", f"the answer cannot be told as a response: {error}") from None
        await self._responses.keep(kept.tenant_id, asked, kept.inference_id, telling)
        return telling.whole


def asked_to_keep(request: bytes) -> ResponseBody:
    """Raises InvalidBodyError."""
    asked = _asked(request)
    if asked.store is False:
        raise InvalidBodyError('store: what is asked for in the background is kept; leave out "store": false', "store")
    return asked


def _asked(request: bytes) -> ResponseBody:
    """However it was asked for, it tells that it is in the background."""
    return parsed(ResponseBody, request).model_copy(update={"background": True})


def _add(telling: Telling, form: StoredForm, body: bytes) -> None:
    told_by_chunks(telling, chat_chunks(form, body))
