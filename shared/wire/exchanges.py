"""How an operation that is asked in a caller's form is carried out at an endpoint of a wire format.

A further operation, form or wire format is a class that has all of `Exchange`, and its row here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from shared.operations import Operation, WireFormat
from shared.wire.chat_by_messages.exchange import ChatByMessages
from shared.wire.messages.answer import events_of
from shared.wire.messages.exchanges import CountTokens, MessagesByChat, PlainMessages
from shared.wire.plain.chat import PlainChat
from shared.wire.plain.embeddings import PlainEmbeddings
from shared.wire.plain.rerank import PlainRerank
from shared.wire.reading import collected
from shared.wire.reading.completions import Completion
from shared.wire.reading.streams import Chunk, StreamReader


class Question(NamedTuple):
    """What a caller asks. body: of the operation, in its form. passed_headers: of the caller, for an endpoint that
    speaks the form itself; names in lower case. trace: the context of the call, as it is carried."""

    body: Mapping[str, Any]
    operation: Operation = "chat"
    form: WireFormat = "openai"
    passed_headers: tuple[tuple[str, str], ...] = ()
    trace: str | None = None


class Exchange(Protocol):
    """Bodies in and out are JSON bytes; nothing here does I/O.

    form: the caller's. path: below an endpoint's base URL.
    """

    form: WireFormat
    path: str

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        """The caller's body as the endpoint is asked. Raises UntranslatableError.

        model: its name at the endpoint. defaults: what it is configured with; the caller's `body` comes before them.
        """
        ...

    def completion(self, answer: bytes) -> Completion:
        """The body of a 200, in the caller's form. Raises NotACompletionError."""
        ...

    def stream(self) -> StreamReader:
        """A reader of one stream, whose chunks are in the caller's form."""
        ...


_EXCHANGES: dict[tuple[Operation, WireFormat, WireFormat], Exchange] = {
    ("chat", "openai", "openai"): PlainChat(),
    ("chat", "openai", "anthropic"): ChatByMessages(),
    ("chat", "anthropic", "anthropic"): PlainMessages(),
    ("chat", "anthropic", "openai"): MessagesByChat(),
    ("count_tokens", "anthropic", "anthropic"): CountTokens(),
}
# Their answers are held against what was asked, so there is one of them for each request.
_OF_ONE_REQUEST: dict[tuple[Operation, WireFormat, WireFormat], Callable[[Mapping[str, Any]], Exchange]] = {
    ("embeddings", "openai", "openai"): PlainEmbeddings,
    ("rerank", "openai", "openai"): PlainRerank,
}

_NOTHING: Mapping[str, Any] = {}


def exchange_of(
    operation: Operation, form: WireFormat, wire_format: WireFormat, body: Mapping[str, Any] = _NOTHING
) -> Exchange | None:
    """form: of the caller. wire_format: of the endpoint, which cannot be asked for it when there is none. body: the
    caller's."""
    key = (operation, form, wire_format)
    made = _OF_ONE_REQUEST.get(key)
    return _EXCHANGES.get(key) if made is None else made(body)


_CHUNKS_OF: dict[WireFormat, Callable[[bytes], Iterator[Chunk]]] = {
    "openai": collected.chunks_of,
    "anthropic": events_of,
}


def chunks_of(form: WireFormat, answer: bytes) -> Iterator[Chunk]:
    """A whole answer to a chat, in a caller's form, as the chunks of a stream. Raises BrokenStreamError."""
    return _CHUNKS_OF[form](answer)
