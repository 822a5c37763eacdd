"""The wire formats by name, and what the URL of an endpoint says of them.

A further format is a module beside this one with a class that has all of `Dialect`, its name and its row here.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from shared.wire.anthropic import AnthropicDialect
from shared.wire.completions import Completion
from shared.wire.openai import OpenAIDialect
from shared.wire.streams import StreamReader

WireFormat = Literal["openai", "anthropic"]

_HOST = re.compile(r"https?://([^:/]+)", re.IGNORECASE)  # urlsplit would raise for what is no URL


class Dialect(Protocol):
    """All that differs by wire format. Bodies in and out are JSON bytes; nothing here does I/O.

    completions_path, models_path: where completions are asked for and models are listed, below an endpoint's base URL.
    hosts: those of the provider itself, in lower case, which speak this format unless the path says otherwise.
    """

    completions_path: str
    models_path: str
    hosts: frozenset[str]

    def headers(self, api_key: str | None) -> dict[str, str]:
        """What proves who asks, and in which version of the format; names in lower case."""
        ...

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        """An OpenAI chat body as this format has it. Raises UntranslatableError.

        model: its name at the endpoint. defaults: what it is configured with; the caller's `body` comes before them.
        """
        ...

    def completion(self, answer: bytes) -> Completion:
        """The body of a 200, translated to the OpenAI format. Raises NotACompletionError."""
        ...

    def stream(self) -> StreamReader:
        """A reader of one stream, which translates it to chunks of the OpenAI format."""
        ...


# In the order in which an endpoint of unknown format is asked.
DIALECTS: dict[WireFormat, Dialect] = {"openai": OpenAIDialect(), "anthropic": AnthropicDialect()}


def dialect_of(wire_format: WireFormat) -> Dialect:
    return DIALECTS[wire_format]


def base_url(endpoint_url: str, wire_format: WireFormat) -> str:
    """The endpoint without a trailing slash and without the path that the wire format adds."""
    trimmed = endpoint_url.strip().rstrip("/")
    return trimmed.removesuffix(dialect_of(wire_format).completions_path).rstrip("/")


def wire_format_of(endpoint_url: str) -> WireFormat | None:
    """What the URL itself gives away; its path comes before its host, which may speak several formats."""
    trimmed = endpoint_url.strip().rstrip("/")
    for wire_format, dialect in DIALECTS.items():
        if trimmed.endswith(dialect.completions_path):
            return wire_format
    host = _HOST.match(trimmed)
    hosts = {host: wire_format for wire_format, dialect in DIALECTS.items() for host in dialect.hosts}
    return hosts.get(host[1].lower()) if host else None
