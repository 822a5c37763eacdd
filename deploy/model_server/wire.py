"""What the two wires have in common."""

import json
from collections.abc import Mapping
from typing import Protocol

from deploy.model_server.answer import Answer
from deploy.model_server.errors import ErrorAnswer
from deploy.model_server.request import Request


class Wire(Protocol):
    """How answers and errors are written, and what a request must hold."""

    name: str
    request_id_header: str

    def problem(self, request: Request, body: Mapping[str, object], /) -> ErrorAnswer | None:
        """Why the provider would refuse this body, if it would."""

    def completion(self, answer: Answer) -> bytes: ...

    def events(self, answer: Answer) -> list[bytes]: ...

    def hollow_completion(self, answer: Answer) -> bytes:
        """A completion without its choices, or without its content."""

    def hollow_events(self, answer: Answer) -> list[bytes]: ...

    def error(self, error: ErrorAnswer) -> bytes: ...

    def error_event(self, error: ErrorAnswer) -> bytes: ...


def to_json(value: Mapping[str, object]) -> bytes:
    return _encode(value).encode()


# Escaping to ASCII keeps lone surrogates, which JSON may carry and UTF-8 may not.
_encode = json.JSONEncoder(separators=(",", ":")).encode
