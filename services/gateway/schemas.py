"""What callers may send. `/v1` bodies let unknown fields through to the model; `/api` bodies refuse them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.access import SCOPES, Scope
from shared.events.envelope import TenantId
from shared.policies import Policy
from shared.registry.definition import (
    NAME_PATTERN,
    EndpointUrl,
    HeaderName,
    HeaderValue,
    ModelFields,
    ModelId,
    Protocol,
    Secret,
    Text,
)
from shared.registry.terms import Places, RatePerS

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=100)]
ModelPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*][A-Za-z0-9._:/*-]*$", max_length=256)]
PlanId = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)]
JsonObject = dict[str, Any]
_MOST = 10**15


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[JsonObject] | None = None
    name: str | None = None


class ChatBody(BaseModel):
    """An OpenAI chat-completions request, all documented fields; more are passed on as they are.

    Ours are deadline_s (seconds until an answer is of no more use), policy and no_fallback.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    messages: list[ChatMessage] = Field(min_length=1)
    model: Annotated[str, StringConstraints(max_length=256)] | None = None
    audio: JsonObject | None = None
    frequency_penalty: float | None = None
    function_call: str | JsonObject | None = None
    functions: list[JsonObject] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    max_completion_tokens: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    metadata: JsonObject | None = None
    modalities: list[str] | None = None
    n: int | None = Field(default=None, ge=1, le=128)
    parallel_tool_calls: bool | None = None
    prediction: JsonObject | None = None
    presence_penalty: float | None = None
    prompt_cache_key: str | None = None
    reasoning_effort: str | None = None
    response_format: JsonObject | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: str | None = None
    stop: str | list[str] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: JsonObject | None = None
    temperature: float | None = None
    tool_choice: str | JsonObject | None = None
    tools: list[JsonObject] | None = None
    top_logprobs: int | None = Field(default=None, ge=0)
    top_p: float | None = None
    user: str | None = None
    verbosity: str | None = None
    web_search_options: JsonObject | None = None
    deadline_s: float | None = Field(default=None, gt=0)
    policy: Policy | None = None
    no_fallback: bool | None = None


OUR_CHAT_FIELDS = frozenset({"deadline_s", "policy", "no_fallback"})  # not passed on to models


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())


class _ModelBody(ModelFields):
    """What create, change and setup have in common. api_key and headers: None is none."""

    api_key: Secret | None = None
    headers: dict[HeaderName, HeaderValue] | None = None


class CustomModelCreate(_ModelBody):
    """POST /api/models/custom (DESIGN §13)."""

    model_id: ModelId
    endpoint_url: EndpointUrl
    provider: Protocol


class CustomModelChange(_ModelBody):
    """PATCH: only what is sent is changed; api_key null removes the key."""

    endpoint_url: EndpointUrl | None = None
    provider: Protocol | None = None


class ModelProbe(_Strict):
    """POST /api/models/probe. `provider` is found out when it is left out; `model` is a name at the endpoint."""

    endpoint_url: EndpointUrl
    provider: Protocol | None = None
    api_key: Secret | None = None
    headers: dict[HeaderName, HeaderValue] | None = None
    model: Text | None = None


class ModelSetup(_ModelBody):
    """POST /api/models/setup: as CustomModelCreate, but `provider` is found out when it is left out.

    So are context_window and price; null leaves them empty.
    """

    model_id: ModelId
    endpoint_url: EndpointUrl
    provider: Protocol | None = None


class ModelTest(_Strict):
    """POST /api/models/custom/{id}/test; the body may be left out."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = "Reply with one word: ready."


class CodebaseFile(_Strict):
    path: Text
    content: str = ""


class CodebaseChatBody(_Strict):
    """POST /api/codebase/chat. `files` are paths, or paths with their content."""

    sessionId: SessionId | None = None  # noqa: N815 - the wire names of DESIGN §13
    message: Annotated[str, StringConstraints(min_length=1)]
    repo: Text | None = None
    files: list[CodebaseFile | Text] = Field(default=[], max_length=200)
    currentFile: CodebaseFile | Text | None = None  # noqa: N815
    model: Annotated[str, StringConstraints(max_length=256)] | None = None


class SessionQuery(_Strict):
    """GET and DELETE /api/codebase/chat?sessionId=..."""

    sessionId: SessionId  # noqa: N815


class FeatureFile(_Strict):
    path: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=500)]
    content: str = ""


class FeatureConstraints(_Strict):
    """What may be produced. paths: patterns of files that may be written; empty: all."""

    paths: list[Annotated[str, StringConstraints(max_length=200)]] = Field(default=[], max_length=50)
    languages: list[Annotated[str, StringConstraints(max_length=40)]] = Field(default=[], max_length=20)
    max_files: int = Field(default=20, ge=1, le=100)
    max_bytes: int = Field(default=200_000, ge=1, le=1_000_000)


class FeatureBody(_Strict):
    """POST /api/repos/quality/generate-feature. One of repo (an https:// git URL), archive (base64) and files.

    wait: answer when the job has ended. deadline_s: for the whole job.
    """

    repo: Text | None = None
    ref: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=200)] | None = None
    archive: str | None = None
    files: list[FeatureFile] = Field(default=[], max_length=5000)
    featureRequest: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]  # noqa: N815
    model: Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=256)] | None = None
    policy: Policy | None = None
    generator: Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=100)] = "llm"
    constraints: FeatureConstraints = FeatureConstraints()
    deadline_s: float | None = Field(default=None, gt=0, le=86_400)
    wait: bool = False


class FeaturesQuery(_Strict):
    """GET /api/features?limit=..."""

    limit: int = Field(default=50, ge=1, le=500)


class KeyCreate(_Strict):
    tenant: TenantId
    scopes: list[Scope] = Field(default=[scope for scope in SCOPES if scope != "admin"], min_length=1)
    name: Text = ""
    allowed_models: list[ModelPattern] | None = Field(default=None, max_length=100)


class ProviderKey(_Strict):
    """PUT /api/providers/{name}/key: the tenant's own key of a provider."""

    api_key: Secret


class PlanTerms(_Strict):
    """PUT /api/plans/{id}. What is left out is as the deployment has it (shared.registry.Terms)."""

    policy: Policy | None = None
    provider_allow: list[ModelPattern] | None = Field(default=None, max_length=100)
    provider_deny: list[ModelPattern] | None = Field(default=None, max_length=100)
    usd_per_day: float | None = Field(default=None, ge=0)
    usd_per_month: float | None = Field(default=None, ge=0)
    tokens_per_day: int | None = Field(default=None, ge=0, le=_MOST)
    tokens_per_month: int | None = Field(default=None, ge=0, le=_MOST)
    rate_per_s: RatePerS | None = None
    burst: Places | None = None
    max_in_flight: Places | None = None


class PlanPath(_Strict):
    """/api/plans/{plan_id}"""

    plan_id: PlanId


class ChangesQuery(_Strict):
    """GET /api/changes?tenant=...&limit=...&before=...; `*` is all tenants, `before` the `next` of the last answer."""

    tenant: Annotated[str, StringConstraints(max_length=64)] | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    before: UUID | None = None


class TenantTerms(PlanTerms):
    """PATCH /api/tenants/{id}: only what is sent is changed; null takes a term back to the plan's."""

    plan: PlanId | None = None
