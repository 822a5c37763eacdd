"""What differs between endpoints by their wire format alone."""

import re
from typing import Protocol

from shared.operations import WireFormat

_ANTHROPIC_VERSION = "2023-06-01"
# Azure's hosts, of all its clouds, which take a key by a header of their own.
_AZURE = re.compile(
    r"https?://[^:/?]+\.(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)(?:[:/?]|\Z)", re.IGNORECASE
)


class Dialect(Protocol):
    """completions_path, models_path: where completions are asked for and models listed, below an endpoint's base URL.
    hosts: those of the provider itself, in lower case, which speak this format unless the path says otherwise.
    """

    completions_path: str
    models_path: str
    hosts: frozenset[str]

    def headers(self, api_key: str | None, endpoint_url: str) -> dict[str, str]:
        """What proves to this endpoint who asks, and in which version of the format; names in lower case."""
        ...


class OpenAIDialect:
    completions_path = "/chat/completions"
    models_path = "/models"
    hosts: frozenset[str] = frozenset()  # this format is assumed of every other host

    def headers(self, api_key: str | None, endpoint_url: str) -> dict[str, str]:
        if not api_key:
            return {}
        return {"api-key": api_key} if _AZURE.match(endpoint_url) else {"authorization": f"Bearer {api_key}"}


class AnthropicDialect:
    completions_path = "/messages"
    models_path = "/models?limit=1000"  # the most; 20 are listed otherwise
    hosts = frozenset({"api.anthropic.com"})

    def headers(self, api_key: str | None, endpoint_url: str) -> dict[str, str]:  # noqa: ARG002 - of others it depends
        return {"anthropic-version": _ANTHROPIC_VERSION} | ({"x-api-key": api_key} if api_key else {})


# In the order in which an endpoint of unknown format is asked.
DIALECTS: dict[WireFormat, Dialect] = {"openai": OpenAIDialect(), "anthropic": AnthropicDialect()}


def dialect_of(wire_format: WireFormat) -> Dialect:
    return DIALECTS[wire_format]
