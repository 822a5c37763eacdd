"""/api/codebase/chat: ask about a codebase. History per session and tenant, sealed."""

from datetime import UTC, datetime

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.bodies import parsed, validated
from services.gateway.conversations.codebase import HISTORY_MESSAGES, Turn, chat_body, message_ids
from services.gateway.conversations.schemas import CodebaseChatBody, SessionQuery
from services.gateway.conversations.store import StoredMessage
from services.gateway.edge import inference_headers, json_response
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.inference.admission import Admitted
from services.gateway.inference.completing import Sent
from services.gateway.routes.documented import AUTHENTICATED, takes
from shared.access import Caller
from shared.crypto import SealedContext, UnreadableSecretError, open_sealed, seal
from shared.errors import TallygateError
from shared.inferences import Answer
from shared.wire import read_completion

router = APIRouter(prefix="/api/codebase/chat", tags=["codebase"])

_SHOWN_MESSAGES = 1000


@router.post("", openapi_extra=takes(CodebaseChatBody))
async def ask(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    with gateway.completing.let_in(caller):
        return await _answered(gateway, caller, await gateway.sent(request, caller))


async def _answered(gateway: Gateway, caller: Caller, sent: Sent) -> Response:
    asked = parsed(CodebaseChatBody, sent.body)
    await gateway.conversations.check_room(caller.tenant_id, asked.sessionId)
    history = await _history(gateway, caller.tenant_id, asked.sessionId, HISTORY_MESSAGES) if asked.sessionId else []
    admitted = _admitted(gateway, asked, [Turn(stored.role, text) for stored, text in history])
    answer = await gateway.completing.complete(caller, sent, admitted)
    session_id = asked.sessionId or str(answer.inference_id)
    completion = orjson.loads(answer.body)
    message = read_completion(completion).text
    await _remember(gateway, caller.tenant_id, session_id, asked.message, message, answer)
    body = {
        "success": True,
        "message": message,
        "model": answer.model,
        "usage": completion.get("usage"),
        "inference_id": str(answer.inference_id),
        "sessionId": session_id,
    }
    return json_response(body, 200, inference_headers(answer))


@router.get("", openapi_extra=AUTHENTICATED)
async def history(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    session_id = validated(SessionQuery, dict(request.query_params)).sessionId
    messages = [
        {
            "role": stored.role,
            "content": text,
            "model": stored.model,
            "inference_id": str(stored.inference_id),
            "at": stored.created_at.isoformat(),
        }
        for stored, text in await _history(gateway, caller.tenant_id, session_id, _SHOWN_MESSAGES)
    ]
    return json_response({"sessionId": session_id, "messages": messages, "total": len(messages)})


@router.delete("", openapi_extra=AUTHENTICATED)
async def forget(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    session_id = validated(SessionQuery, dict(request.query_params)).sessionId
    deleted = await gateway.conversations.forget_history(caller.tenant_id, session_id)
    return json_response({"sessionId": session_id, "deleted": deleted})


def _admitted(gateway: Gateway, asked: CodebaseChatBody, history: list[Turn]) -> Admitted:
    body = chat_body(asked, history)
    if len(body) > gateway.settings.max_body_bytes:
        raise TallygateError("payload_too_large", "message, files and history together are too large")
    return gateway.completing.admit_made(body, asked.model)


async def _history(gateway: Gateway, tenant_id: str, session_id: str, limit: int) -> list[tuple[StoredMessage, str]]:
    stored = await gateway.conversations.history(tenant_id, session_id, limit)
    try:
        return [(message, _opened(gateway, tenant_id, session_id, message)) for message in stored]
    except UnreadableSecretError as error:
        raise TallygateError("key_unreadable", f"the history of this session cannot be opened: {error}") from error


async def _remember(
    gateway: Gateway, tenant_id: str, session_id: str, question: str, message: str, answer: Answer
) -> None:
    """Stores question and answer. A replayed answer is stored once: the message ids are made from the inference id."""
    now = datetime.now(UTC)
    messages = []
    turns = (("user", question, None), ("assistant", message, answer.model))
    for message_id, (role, text, model) in zip(message_ids(answer.inference_id), turns, strict=True):
        context = SealedContext(tenant_id, f"chat/{session_id}", str(message_id))
        sealed = seal(gateway.ring, context, text.encode())
        messages.append(StoredMessage(message_id, role, sealed, model, answer.inference_id, now))
    await gateway.conversations.add_messages(tenant_id, session_id, messages)


def _opened(gateway: Gateway, tenant_id: str, session_id: str, message: StoredMessage) -> str:
    context = SealedContext(tenant_id, f"chat/{session_id}", str(message.message_id))
    return open_sealed(gateway.ring, context, message.sealed_content).decode()
