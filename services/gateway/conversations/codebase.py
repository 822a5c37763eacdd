"""Pure: from a question about a codebase, its files and the history to the messages for a model."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import orjson

from services.gateway.conversations.schemas import CodebaseChatBody, CodebaseFile

HISTORY_MESSAGES = 20  # the newest, which are sent to the model
_FILE_CHARS = 20_000  # of each file; a longer one is cut, and the prompt says so

_ROLE = (
    "You answer questions about a codebase. Base what you say on the files below; "
    "say so when they do not hold the answer. Name files by their path."
)


class Turn(NamedTuple):
    """One message of the history: user or assistant."""

    role: str
    content: str


def wants_stream(said: bool | None, accept: str | None) -> bool:
    """said: by the body, which counts more than the header."""
    return said if said is not None else "text/event-stream" in (accept or "").lower()


def chat_body(asked: CodebaseChatBody, history: Sequence[Turn], *, streamed: bool) -> bytes:
    """An OpenAI chat body."""
    messages = [{"role": "system", "content": _system(asked)}]
    messages += [{"role": turn.role, "content": turn.content} for turn in history]
    messages.append({"role": "user", "content": asked.message})
    return orjson.dumps({"messages": messages} | ({"stream": True} if streamed else {}))


def message_ids(inference_id: UUID) -> tuple[UUID, UUID]:
    """Ids of question and answer, in this order; their time part is that of the inference."""
    question = inference_id.int & ~1
    return UUID(int=question), UUID(int=question | 1)


def _system(asked: CodebaseChatBody) -> str:
    parts = [_ROLE]
    if asked.repo:
        parts.append(f"Repository: {asked.repo}")
    parts += [_file(file) for file in asked.files]
    if asked.currentFile:
        parts.append("The user is looking at this file:\n" + _file(asked.currentFile))
    return "\n\n".join(parts)


def _file(file: CodebaseFile | str) -> str:
    if isinstance(file, str):
        return f"File: {file}"
    cut = f"\n[cut after {_FILE_CHARS} characters]" if len(file.content) > _FILE_CHARS else ""
    return f"File: {file.path}\n```\n{file.content[:_FILE_CHARS]}{cut}\n```"
