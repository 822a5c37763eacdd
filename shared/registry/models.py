"""A model that can be called, custom or of a provider, as one value."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from shared.operations import Operation, WireFormat
from shared.wire import below, dialect_of

Task = Literal["chat", "embeddings", "rerank"]


def task_of(operation: Operation) -> Task:
    """What a model must do for it: whoever can chat can count, or be estimated."""
    return "chat" if operation == "count_tokens" else operation


CUSTOM_PREFIX = "custom:"
DEFAULT_TIMEOUT_S, MOST_TIMEOUT_S = 60.0, 3600.0
DEFAULT_IDLE_TIMEOUT_S = 30.0
MAX_USD_PER_MTOK = 1_000_000  # that a tenant may give
MOST_USD = 1e9  # what a million tokens may cost: the cost of a call still fits an event

# Names of models that say it, and of families that make nothing but embeddings.
_EMBEDDING_NAME = re.compile(r"embed|(?:^|[/_-])(?:bge|gte|e5|all-minilm|all-mpnet)-")

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Rates(NamedTuple):
    """What one call is charged: US dollars per million tokens of each kind, and for the call itself.

    None: as other input, or other output; what is written for an hour as all that is written.
    """

    input: float
    output: float
    cache_read: float
    cache_write: float
    call: float = 0.0
    cache_write_1h: float | None = None
    input_audio: float | None = None
    output_audio: float | None = None


class Apart(NamedTuple):
    """Tokens of a call that some models charge apart. cache_write_1h: of those written to a cache, what stays there for
    an hour. input_audio, output_audio: of the input that was in no cache, and of the output."""

    cache_write_1h: float = 0
    input_audio: float = 0
    output_audio: float = 0


NOTHING_APART = Apart()


Rate = Annotated[float, Field(ge=0, le=MOST_USD, allow_inf_nan=False, json_schema_extra={"maximum": MAX_USD_PER_MTOK})]


class Price(BaseModel):
    """US dollars per million tokens, whatever the length of a request.

    cached_input_per_mtok_usd: of input that the endpoint had in its cache. None: as all input. per_call_usd: for each
    call, beside its tokens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    input_per_mtok_usd: Rate
    output_per_mtok_usd: Rate
    cached_input_per_mtok_usd: Rate | None = Field(default=None, exclude_if=lambda rate: rate is None)
    per_call_usd: Rate | None = Field(default=None, exclude_if=lambda rate: rate is None)

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of input tokens from which on other rates hold, in ascending order."""
        return ()

    def rates(self, input_tokens: float) -> Rates:  # noqa: ARG002 - other prices depend on it
        plain, cached = self.input_per_mtok_usd, self.cached_input_per_mtok_usd
        read = plain if cached is None else cached
        return Rates(plain, self.output_per_mtok_usd, read, plain, self.per_call_usd or 0.0)

    def cost_usd(
        self, input_tokens: float, output_tokens: float, cache_read_tokens: float = 0, cache_write_tokens: float = 0,
        *, apart: Apart = NOTHING_APART,
    ) -> float:  # fmt: skip
        """Of one call. The input tokens are all of them, those read from a cache or written to one included."""
        rates = self.rates(input_tokens)
        dollars = (input_tokens - cache_read_tokens - cache_write_tokens) * rates.input + output_tokens * rates.output
        dollars += cache_read_tokens * rates.cache_read + cache_write_tokens * rates.cache_write
        if apart is not NOTHING_APART:
            dollars += _more_for(apart.cache_write_1h, rates.cache_write_1h, rates.cache_write)
            dollars += _more_for(apart.input_audio, rates.input_audio, rates.input)
            dollars += _more_for(apart.output_audio, rates.output_audio, rates.output)
        return dollars / 1_000_000 + rates.call


def _more_for(tokens: float, rate: float | None, among: float) -> float:
    """What tokens cost more than those that they were counted among."""
    return 0.0 if rate is None else tokens * (rate - among)


class Capabilities(BaseModel):
    """What a model can do. None: not known, and taken for granted.

    tasks: what it may be used for. While they are not known (None), it is used for what its name says, or else for
    chats, and for whatever else it is named for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    streaming: bool | None = None
    tools: bool | None = None
    vision: bool | None = None
    tasks: tuple[Task, ...] | None = Field(default=None, max_length=20, strict=False)


class Model(BaseModel):
    """One callable model. Secrets stay sealed in here; the router opens them for one call.

    id: `custom:<name>` or `<provider>:<model>`. endpoint_url: base URL without the final path.
    tenant_id: whose secrets they are; None for the deployment's own.
    config: `model` (its name at the endpoint) and defaults for request fields.
    timeout_s: for the whole answer, streamed or not. Of a stream also: first_chunk_timeout_s until something of the
    answer has come, idle_timeout_s of silence after that; neither reaches beyond timeout_s.
    plain_api_key: the deployment's own key of a provider model; custom models never have one.
    key_required: without a key of the deployment or of the tenant it cannot be called.
    weight: its share among the tenant's models that have one. is_draft: still being set up; only named by its test.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    tenant_id: str | None = None
    wire_format: WireFormat
    provider_name: str
    endpoint_url: str
    sealed_api_key: str | None = None
    sealed_headers: str | None = None
    plain_api_key: str | None = Field(default=None, repr=False, exclude=True)
    config: Mapping[str, Any] = {}
    capabilities: Capabilities = Capabilities()
    context_window: int | None = None
    max_concurrency: int | None = None
    price: Price | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    # As long as a plain answer may take: a model that is slow by nature needs one setting, not two.
    first_chunk_timeout_s: float = Field(default_factory=lambda given: float(given["timeout_s"]))
    idle_timeout_s: float = DEFAULT_IDLE_TIMEOUT_S
    key_required: bool = False
    weight: int | None = None
    is_active: bool = True
    is_draft: bool = False
    created_at: datetime | None = None

    @cached_property
    def is_custom(self) -> bool:
        return self.id.startswith(CUSTOM_PREFIX)

    @property
    def name(self) -> str:
        """The id without what comes before its colon."""
        return self.id.partition(":")[2]

    @property
    def lacks_key(self) -> bool:
        return self.key_required and self.sealed_api_key is None and self.plain_api_key is None

    @property
    def upstream_model(self) -> str:
        return str(self.config.get("model") or self.name)

    @property
    def likely_tasks(self) -> tuple[Task, ...]:
        """What to use it for unless somebody says otherwise."""
        if self.capabilities.tasks is not None:
            return self.capabilities.tasks
        return tasks_by_name(self.upstream_model) or ("chat",)

    @property
    def completions_url(self) -> str:
        return self.url_of(dialect_of(self.wire_format).completions_path)

    def url_of(self, path: str) -> str:
        """path: of an operation, below the endpoint's base."""
        return below(self.endpoint_url, path)

    @cached_property
    def server_address(self) -> str:
        """host:port, as the books name an endpoint."""
        return server_address(self.endpoint_url)


@lru_cache(maxsize=4096)
def tasks_by_name(upstream_model: str) -> tuple[Task, ...] | None:
    """What the name of a model gives away: `text-embedding-3-small`, `bge-reranker-v2-m3`. None: nothing."""
    name = upstream_model.lower()
    if "rerank" in name:  # some name what they are made from, too
        return ("rerank",)
    return ("embeddings",) if _EMBEDDING_NAME.search(name) else None


def same_model(one: str, other: str) -> bool:
    """Whether two names at endpoints mean one model: `BAAI/bge-m3` and `bge-m3:latest`."""
    return _bare_name(one) == _bare_name(other)


def _bare_name(upstream_model: str) -> str:
    return upstream_model.lower().rpartition("/")[2].removesuffix(":latest")


def server_address(url: str) -> str:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)}"
