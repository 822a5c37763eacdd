"""What a model is registered with, however it was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from services.cli.problem import refused
from shared.registry.models import CUSTOM_PREFIX


class Provider(StrEnum):
    OPENAI = "openai-compatible"
    ANTHROPIC = "anthropic-compatible"


class TaskName(StrEnum):
    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelForm:
    """`model`: its name at the endpoint. Prices are US dollars per million tokens, both or none; a model that does not
    chat needs only the first. tasks: when none are given, the gateway finds them out.

    provider None: the gateway finds it out. preset: what the endpoint was chosen by.
    """

    model_id: str | None = None
    endpoint_url: str | None = None
    provider: Provider | None = None
    api_key: str | None = None
    model: str | None = None
    context_window: int | None = None
    max_concurrency: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    timeout_s: float | None = None
    first_chunk_timeout_s: float | None = None
    idle_timeout_s: float | None = None
    tasks: tuple[TaskName, ...] = ()
    description: str = ""
    preset: str | None = None

    @property
    def missing(self) -> list[str]:
        """The options that still have to be given."""
        needed = {"--id": self.model_id, "--endpoint": self.endpoint_url}
        return [option for option, value in needed.items() if not value]

    def body(self) -> dict[str, Any]:
        """For POST /api/models/setup; what was not given is left to the gateway."""
        values = {
            "model_id": (self.model_id or "").removeprefix(CUSTOM_PREFIX),
            "endpoint_url": self.endpoint_url,
            "provider": self.provider.value if self.provider else None,
            "api_key": self.api_key or None,
            "config": {"model": self.model} if self.model else None,
            "context_window": self.context_window,
            "max_concurrency": self.max_concurrency,
            "price": self._price(),
            "timeout_s": self.timeout_s,
            "first_chunk_timeout_s": self.first_chunk_timeout_s,
            "idle_timeout_s": self.idle_timeout_s,
            "capabilities": {"tasks": [task.value for task in self.tasks]} if self.tasks else None,
            "description": self.description or None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def answered_body(self) -> dict[str, Any]:
        """As `body`, after all questions were asked: empty answers are null, so that the gateway fills in nothing."""
        return {"context_window": None, "price": None} | self.body()

    def untested_body(self) -> dict[str, Any]:
        """For POST /api/models/custom, which does not probe for the wire format."""
        return {"provider": Provider.OPENAI.value} | self.body()

    def probe_body(self) -> dict[str, Any]:
        """For POST /api/models/probe."""
        kept = ("endpoint_url", "provider", "api_key")
        return {name: value for name, value in self.body().items() if name in kept}

    def with_preset(self, preset: Mapping[str, Any]) -> "ModelForm":
        """The preset, for the fields that were not given."""
        return replace(
            self,
            preset=preset["name"],
            endpoint_url=self.endpoint_url or preset["endpoint_url"],
            provider=self.provider or Provider(preset["provider"]),
        )

    def _price(self) -> dict[str, float] | None:
        if self.input_price is None and self.output_price is None:
            return None
        output_price = self.output_price
        if output_price is None and self.tasks and TaskName.CHAT not in self.tasks:
            output_price = 0.0  # it makes no tokens
        if self.input_price is None or output_price is None:
            raise refused("a price has two sides: give both --input-price and --output-price")
        return {"input_per_mtok_usd": self.input_price, "output_per_mtok_usd": output_price}
