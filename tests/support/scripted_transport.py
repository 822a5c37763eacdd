"""Model endpoints by script, instead of HTTP: how each call ends and when, and a ledger of what the endpoints saw."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from services.router.transport import CallFailedError, Hold, Transport
from shared.errors import ErrorType, failure
from shared.registry import Model
from shared.registry.secrets import ModelSecrets
from shared.wire import Completion, Question
from shared.wire.reading.completions import CompletionRead, Usage

How = Literal["succeeded", "failed", "cancelled"]


class Answer(NamedTuple):
    """After `after_s` of the loop's time a completion, or the error if there is one; None: it never comes."""

    after_s: float | None
    error: ErrorType | None = None


@dataclass(slots=True)
class Call:
    """One call as the endpoint saw it. Times are of the loop. `how` is None while it lasts, and for ever when the
    router died during the call."""

    attempt_id: str
    model: str
    body: Mapping[str, Any]
    called_at: float
    ended_at: float | None = None
    how: How | None = None


Script = Callable[[Call], Answer]


class ScriptedTransport(Transport):
    """`script` says how a call ends; it is asked when the call is made."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def complete(
        self, model: Model, _secrets: ModelSecrets, asked: Question, request_id: str, timeout_s: float,
        _hold: Hold,
    ) -> Completion:  # fmt: skip
        now = asyncio.get_running_loop().time
        call = Call(request_id, model.id, asked.body, now())
        answer = self._script(call)
        try:
            await _answered(answer, model, timeout_s)
        except CallFailedError:
            call.how, call.ended_at = "failed", now()
            raise
        except asyncio.CancelledError:
            call.how, call.ended_at = "cancelled", now()
            raise
        call.how, call.ended_at = "succeeded", now()
        return _completion(request_id)


async def _answered(answer: Answer, model: Model, timeout_s: float) -> None:
    """Raises CallFailedError."""
    if answer.after_s is None or answer.after_s > timeout_s:
        await asyncio.sleep(timeout_s)
        raise _failed("read_timeout", model, f"did not answer within {timeout_s:.1f} s")
    await asyncio.sleep(answer.after_s)
    if answer.error is not None:
        raise _failed(answer.error, model, "failed by its script")


def _failed(error_type: ErrorType, model: Model, detail: str) -> CallFailedError:
    return CallFailedError(failure(error_type, detail, model=model.id, host=model.server_address))


def _completion(request_id: str) -> Completion:
    body = b'{"choices":[{"message":{"role":"assistant","content":"%s"}}]}' % request_id.encode()
    return Completion(body, CompletionRead(request_id, "scripted", ("stop",), Usage(7, 11)))
