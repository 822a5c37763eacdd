"""/api/codebase/chat: ask about a codebase. History per session and tenant, sealed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.answers.conversations import CodebaseAnswer, CodebaseForgotten, CodebaseHistory
from services.gateway.bodies import parsed, validated
from services.gateway.conversations.codebase import HISTORY_MESSAGES, Turn, chat_body, message_ids, wants_stream
from services.gateway.conversations.schemas import CodebaseChatBody, SessionQuery
from services.gateway.conversations.store import StoredMessage
from services.gateway.conversations.telling import CodebaseWords
from services.gateway.edge import inference_headers, json_response
from services.gateway.event_stream import EventStream
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.inference.admission import Admitted
from services.gateway.routes.documented import EVENTS, documented
from shared.access import Caller
from shared.crypto import SealedContext, UnreadableSecretError, open_sealed, seal
from shared.errors import TallygateError
from shared.inferences import Answer
from shared.wire import read_completion

router = APIRouter(prefix="/api/codebase/chat", tags=["codebase"])

_SHOWN_MESSAGES = 1000


@router.post("")
@documented(infers="made", takes=CodebaseChatBody, gives=CodebaseAnswer, streams=(EVENTS,), fails=(409,))
async def ask(request: Request) -> Response:
    """The answer as JSON; with `stream`, or `accept: text/event-stream`, as server-sent events: `{"delta": text}` as it
    comes, at last what the JSON would say, and `[DONE]`."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    asked = parsed(CodebaseChatBody, sent.body)
    streamed = wants_stream(asked.stream, sent.headers.get("accept"))
    admitted = await _admitted(gateway, caller, asked, streamed=streamed)
    whole = partial(_whole, gateway, caller, asked)
    if streamed:
        answered = gateway.completing.stream(caller, sent, admitted)
        return EventStream(answered, CodebaseWords(whole), gateway.stream_times)
    answer = await gateway.completing.complete(caller, sent, admitted)
    return json_response(await whole(answer, orjson.loads(answer.body)), 200, inference_headers(answer))


async def _whole(
    gateway: Gateway, caller: Caller, asked: CodebaseChatBody, answer: Answer, completion: Mapping[str, Any]
) -> dict[str, Any]:
    """What is said of a whole answer, which the session remembers from now on."""
    session_id = asked.sessionId or str(answer.inference_id)
    message = read_completion(completion).text
    await _remember(gateway, caller.tenant_id, session_id, asked.message, message, answer)
    return {
        "success": True,
        "message": message,
        "model": answer.model,
        "usage": completion.get("usage"),
        "inference_id": str(answer.inference_id),
        "sessionId": session_id,
    }


@router.get("")
@documented(query=SessionQuery, gives=CodebaseHistory, fails=(424,))
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


@router.delete("")
@documented(query=SessionQuery, gives=CodebaseForgotten)
async def forget(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    session_id = validated(SessionQuery, dict(request.query_params)).sessionId
    deleted = await gateway.conversations.forget_history(caller.tenant_id, session_id)
    return json_response({"sessionId": session_id, "deleted": deleted})


async def _admitted(gateway: Gateway, caller: Caller, asked: CodebaseChatBody, *, streamed: bool) -> Admitted:
    await gateway.conversations.check_room(caller.tenant_id, asked.sessionId)
    history = await _history(gateway, caller.tenant_id, asked.sessionId, HISTORY_MESSAGES) if asked.sessionId else []
    body = chat_body(asked, [Turn(stored.role, text) for stored, text in history], streamed=streamed)
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
