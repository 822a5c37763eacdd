"""Make one call: its answer whole, or as a stream whose chunks are told while they come."""

from functools import partial
from typing import Any, NamedTuple

from services.router import counting, reports
from services.router.callers import Callers
from services.router.progress import Progress
from services.router.streamed_call import StreamedCall, endpoint_body
from services.router.streaming import StreamTimes
from services.router.transport import CallFailedError, Transport
from shared.errors import failure
from shared.events import AttemptStarted
from shared.events.topics import MAX_SEALED_BYTES
from shared.lane import Kind
from shared.registry import Model
from shared.registry.secrets import ModelSecrets
from shared.wire import Completion, Question

# Of an answer that, sealed and in base64, fits an event.
MAX_BODY_BYTES = MAX_SEALED_BYTES // 4 * 3 - 1024
_SHORTEST_S = 0.001


class NotCalledError(CallFailedError):
    """The call was not made, and tells nothing of its endpoint."""


class Brought(NamedTuple):
    """completion: its body is the log of all chunks when it was streamed. more: what else the outcome says."""

    completion: Completion
    more: dict[str, Any]


class Calling:
    def __init__(self, transport: Transport, callers: Callers, max_untold_bytes: int) -> None:
        self._transport = transport
        self._callers = callers
        self._max_untold_bytes = max_untold_bytes

    async def may_stream(self, progress: Progress) -> None:
        """Asks the gateway what it has told of a stream that an earlier router had begun, before the first call of this
        delivery. Raises NotCalledError when content was told: another answer cannot follow it."""
        request = progress.work.request
        if request.delivery == 1 or request.reply_to is None or progress.calls > 1:
            return
        word = await self._callers.ask(request)
        if word is Kind.BEGUN:
            lost = failure("stream_broken", "the router that streamed it was lost in the middle", tips=())
            raise NotCalledError(lost.model_copy(update={"retryable": False, "fallback": False}))
        progress.by_lane = word is Kind.FRESH

    async def make(
        self, progress: Progress, model: Model, secrets: ModelSecrets, started: AttemptStarted, trace: str | None
    ) -> Brought:
        """Raises CallFailedError. trace: the context of the call, as it is carried."""
        work = progress.work
        body = endpoint_body(work.body, work.request.form, streamed=progress.streamed)
        asked = work.question(body)._replace(trace=trace)
        if progress.streamed:
            return await self._streamed(progress, model, secrets, started, asked)
        total_s = _total_s(model, progress)
        request_id = str(started.attempt_id)
        completion = await self._transport.complete(model, secrets, asked, request_id, total_s, progress.hold)
        read, prompt_tokens = completion.read, partial(reports.prompt_tokens, progress.work)
        counted = counting.of_answer(read.usage, read.characters, prompt_tokens)
        return Brought(completion, reports.booked(counted, model))

    async def _streamed(
        self, progress: Progress, model: Model, secrets: ModelSecrets, started: AttemptStarted, asked: Question
    ) -> Brought:
        out = self._callers.stream(progress.work.request, started.attempt_number, by_lane=progress.by_lane)
        call = progress.streamed_call = StreamedCall(model, out, progress.hold, self._max_untold_bytes, MAX_BODY_BYTES)
        total_s = _total_s(model, progress)
        times = StreamTimes(total_s, model.first_chunk_timeout_s, model.idle_timeout_s)
        async with self._transport.stream(model, secrets, asked, str(started.attempt_id), times) as opened:
            await call.read(opened, lambda: _total_s(model, progress))
        more = reports.of_stream(call, model, progress.work)
        return Brought(Completion(call.end(), call.completion_read), more)


def _total_s(model: Model, progress: Progress) -> float:
    return max(_SHORTEST_S, min(model.timeout_s, progress.remaining_s))
