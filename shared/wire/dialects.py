"""What differs between endpoints by their wire format alone, and what an endpoint's URL says of it."""

import re
from typing import Protocol

from shared.operations import WireFormat

_ANTHROPIC_VERSION = "2023-06-01"
_HOST = re.compile(r"https?://([^:/]+)", re.IGNORECASE)  # urlsplit would raise for what is no URL


class Dialect(Protocol):
    """completions_path, models_path: where completions are asked for and models listed, below an endpoint's base URL.
    hosts: those of the provider itself, in lower case, which speak this format unless the path says otherwise.
    """

    completions_path: str
    models_path: str
    hosts: frozenset[str]

    def headers(self, api_key: str | None) -> dict[str, str]:
        """What proves who asks, and in which version of the format; names in lower case."""
        ...


class OpenAIDialect:
    completions_path = "/chat/completions"
    models_path = "/models"
    hosts: frozenset[str] = frozenset()  # this format is assumed of every other host

    def headers(self, api_key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {api_key}"} if api_key else {}


class AnthropicDialect:
    completions_path = "/messages"
    models_path = "/models?limit=1000"  # the most; 20 are listed otherwise
    hosts = frozenset({"api.anthropic.com"})

    def headers(self, api_key: str | None) -> dict[str, str]:
        return {"anthropic-version": _ANTHROPIC_VERSION} | ({"x-api-key": api_key} if api_key else {})


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
