"""Bodies of codebase chat."""

from typing import Annotated

from pydantic import Field, StringConstraints

from services.gateway.bodies import BodyText, Query, StrictBody
from shared.events.bounds import Reference
from shared.registry.definition import (
    Text,
)

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=100)]


class CodebaseFile(StrictBody):
    path: Text
    content: BodyText = ""


class CodebaseChatBody(StrictBody):
    """POST /api/codebase/chat. `files` are paths, or paths with their content. `stream`: otherwise as `accept` says."""

    sessionId: SessionId | None = None  # noqa: N815 - names of the wire format
    message: Annotated[BodyText, StringConstraints(min_length=1)]
    repo: Text | None = None
    files: list[CodebaseFile | Text] = Field(default=[], max_length=200)
    currentFile: CodebaseFile | Text | None = None  # noqa: N815
    model: Reference | None = None
    stream: bool | None = None


class SessionQuery(Query):
    """GET and DELETE /api/codebase/chat?sessionId=..."""

    sessionId: SessionId  # noqa: N815
