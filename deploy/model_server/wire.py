"""What the two wires have in common."""

import json
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from deploy.model_server.answer import Answer
from deploy.model_server.errors import ErrorAnswer
from deploy.model_server.plan import Piece
from deploy.model_server.request import Request


class Parts(NamedTuple):
    """The events of a stream by what they are for, to be sent as they should be and otherwise.

    content: the text and all else that is of the answer. finish: why it ended. done: that the stream has.
    """

    opening: list[Piece]
    content: list[Piece]
    finish: list[Piece]
    usage: list[Piece]
    done: list[Piece]


class Wire(Protocol):
    """How answers and errors are written, and what a request must hold. `tells_text`: an answer has the text."""

    name: str
    request_id_header: str
    tells_text: bool

    def problem(self, request: Request, body: Mapping[str, object], /) -> ErrorAnswer | None:
        """Why the provider would refuse this body, if it would."""

    def completion(self, answer: Answer) -> bytes: ...

    def events(self, answer: Answer) -> list[Piece]: ...

    def parts(self, answer: Answer) -> Parts:
        """With the usage in an event of its own, whether it was asked for or not."""

    def with_usage(self, event: Piece, answer: Answer) -> Piece:
        """The same event, which says the usage too."""

    def silent_delta(self, answer: Answer, /) -> Piece:
        """An event with a delta that holds nothing."""

    def hollow_completion(self, answer: Answer) -> bytes:
        """A completion without its choices, or without its content."""

    def hollow_events(self, answer: Answer) -> list[Piece]: ...

    def error(self, error: ErrorAnswer) -> bytes: ...

    def error_event(self, error: ErrorAnswer) -> Piece: ...

    def error_choice(self, answer: Answer, error: ErrorAnswer, /) -> Piece:
        """An error within an event that looks like any other."""


def in_utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def to_json(value: Mapping[str, object]) -> bytes:
    return _encode(value).encode()


# Escaping to ASCII keeps lone surrogates, which JSON may carry and UTF-8 may not.
_encode = json.JSONEncoder(separators=(",", ":")).encode
