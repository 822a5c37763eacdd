"""What routes answer, as types: the OpenAPI document is made from them.

What endpoints said is passed on as it is, so what is theirs (a completion, its usage) may hold more than is named here.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from shared.access import Scope
from shared.errors import ErrorType
from shared.events.bounds import Reference
from shared.policies import Policy
from shared.registry import Terms
from shared.registry.definition import Protocol
from shared.registry.models import Capabilities, Price, Task

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Usage = dict[str, Any]
Counts = dict[str, Count]


class ChatCompletion(TypedDict):
    """An OpenAI chat completion, in the endpoint's own words."""

    id: NotRequired[str]
    object: NotRequired[str]
    created: NotRequired[int]
    model: NotRequired[str]
    choices: list[dict[str, Any]]
    usage: NotRequired[Usage | None]


class AnthropicMessage(TypedDict):
    """A message of Anthropic's API, in the endpoint's own words."""

    id: NotRequired[str]
    type: NotRequired[str]
    role: NotRequired[str]
    model: NotRequired[str]
    content: list[dict[str, Any]]
    stop_reason: NotRequired[str | None]
    stop_sequence: NotRequired[str | None]
    usage: NotRequired[dict[str, Any]]


class CountedTokens(TypedDict):
    """How many tokens a message would have; a header says whether the endpoint counted them."""

    input_tokens: int


class Embedding(TypedDict):
    """embedding: numbers, or base64 of them, as was asked for."""

    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str


class Embeddings(TypedDict):
    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: Usage


class Ranked(TypedDict):
    index: Count
    relevance_score: float
    document: NotRequired[Any]


class Ranking(TypedDict):
    """The best first."""

    id: NotRequired[str]
    model: NotRequired[str]
    results: list[Ranked]
    usage: NotRequired[Usage | None]
    meta: NotRequired[Usage | None]


class TextCompletion(TypedDict):
    """An OpenAI text completion."""

    id: NotRequired[str]
    object: NotRequired[str]
    created: NotRequired[int]
    model: NotRequired[str]
    choices: list[dict[str, Any]]
    usage: NotRequired[Usage | None]


class OpenAIResponse(TypedDict):
    """As OpenAI's Responses are; output: messages, calls of functions, thoughts."""

    id: str
    object: Literal["response"]
    created_at: int
    status: str
    model: str
    output: list[dict[str, Any]]
    usage: Usage | None


class InputItems(TypedDict):
    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ResponseDeleted(TypedDict):
    id: str
    object: Literal["response"]
    deleted: Literal[True]


class OpenAIModel(TypedDict):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_model_len: int | None
    context_window: int | None
    operations: list[Task]
    capabilities: Capabilities
    price: Price | None


class OpenAIModels(TypedDict):
    object: Literal["list"]
    data: list[OpenAIModel]


class AnthropicModel(TypedDict):
    type: Literal["model"]
    id: str
    display_name: str
    created_at: Instant
    lifecycle: Literal["active"]
    max_input_tokens: int | None


class AnthropicModels(TypedDict):
    data: list[AnthropicModel]
    has_more: Literal[False]
    first_id: str | None
    last_id: str | None


class ModelHealth(TypedDict):
    status: str
    reason: str
    p50_s: Seconds | None
    changed_at: Instant | None


class ListedModel(TypedDict):
    """error_type and reason: why it cannot be used; for one that can, reason may be a warning."""

    id: str
    kind: Literal["custom", "provider"]
    owner: str | None
    provider: str
    server_address: str
    upstream_model: str
    context_window: int | None
    operations: list[Task]
    capabilities: Capabilities
    price: Price | None
    weight: int | None
    key: Literal["own", "deployment", "none"]
    health: ModelHealth
    usable: bool
    error_type: ErrorType | None
    reason: str | None


class ListedModels(TypedDict):
    models: list[ListedModel]
    total: Count


class CustomModel(TypedDict):
    """Whether it has a key and headers of its own is shown, and never what they are."""

    id: str
    model_id: str
    provider: Protocol
    endpoint_url: str
    has_api_key: bool
    has_headers: bool
    model_name: str | None
    description: str
    config: dict[str, Any]
    capabilities: dict[str, Any]
    context_window: int | None
    max_concurrency: int | None
    price: dict[str, Any] | None
    timeout_s: float | None
    first_chunk_timeout_s: float | None
    idle_timeout_s: float | None
    weight: int | None
    is_active: bool
    created_at: Instant
    updated_at: Instant


class CustomModels(TypedDict):
    models: list[CustomModel]
    total: Count


class OverBudget(TypedDict):
    error_type: ErrorType
    http_status: int
    detail: str
    tips: list[str]
    retry_after_s: Seconds | None


class Needs(TypedDict):
    model: str | None
    prompt_tokens: Count
    answer_tokens: Count
    streaming: bool
    tools: bool
    vision: bool
    task: str


class ChosenModel(TypedDict):
    model: str
    reason: str


class PassedOver(TypedDict):
    model: str
    reason: str
    error_type: ErrorType


class Selection(TypedDict):
    """not_looked_at: how many models stand beyond those that were considered."""

    over_budget: OverBudget | None
    policy: Policy
    needs: Needs
    candidates: list[ChosenModel]
    passed_over: list[PassedOver]
    not_looked_at: Count


class ShownPreset(TypedDict):
    name: str
    title: str
    endpoint_url: str
    provider: Protocol
    local: bool
    key: Literal["none", "optional", "required"]
    key_from: str
    hint: str


class Presets(TypedDict):
    presets: list[ShownPreset]


class StepError(TypedDict):
    error_type: ErrorType
    title: str
    detail: str
    tips: list[str]


class ShownStep(TypedDict):
    """ok: null when it is not known."""

    step: Literal["dns", "tcp", "tls", "auth", "model", "answer"]
    ok: bool | None
    duration_s: Seconds
    detail: str
    error: StepError | None


class EndpointModel(TypedDict):
    name: str
    context_window: int | None


class ProbeAnswer(TypedDict):
    """provider_assumed: which protocol the endpoint speaks could not be found out."""

    ok: bool
    provider: Protocol
    provider_assumed: bool
    steps: list[ShownStep]
    models: list[EndpointModel]
    context_window: int | None


class TrialAnswer(TypedDict):
    """task: what the model was asked for."""

    task: Task
    answer: str
    latency_s: Seconds
    inference_id: Id
    usage: Usage | None
    attempts: Count
    steps: list[ShownStep]


class SetupAnswer(TrialAnswer):
    """filled_in: the fields that were left out and are known, each with its source."""

    model: CustomModel
    filled_in: dict[str, str]


class TestAnswer(TrialAnswer):
    ok: Literal[True]
    model: str


class ShownProvider(TypedDict):
    name: str
    base_url: str
    models: list[str]
    key: Literal["own", "deployment", "none"]
    key_required: bool
    key_updated_at: Instant | None


class Providers(TypedDict):
    providers: list[ShownProvider]
    total: Count


class CodebaseAnswer(TypedDict):
    success: Literal[True]
    message: str
    model: str
    usage: Usage | None
    inference_id: Id
    sessionId: str


class CodebaseMessage(TypedDict):
    role: Literal["user", "assistant"]
    content: str
    model: str | None
    inference_id: Id
    at: Instant


class CodebaseHistory(TypedDict):
    sessionId: str
    messages: list[CodebaseMessage]
    total: Count


class CodebaseForgotten(TypedDict):
    sessionId: str
    deleted: Count


class FeatureLinks(TypedDict):
    status: str
    events: str


class FeatureAccepted(TypedDict):
    feature_id: Id
    state: Literal["accepted"]
    links: FeatureLinks


class FeatureCancelling(TypedDict):
    feature_id: Id
    state: str


class FeatureStep(TypedDict):
    at: Instant
    step: str
    message: str


class FeatureWriting(TypedDict):
    at: Instant
    step: str | None
    characters: Count | None


class Feature(TypedDict):
    """result: the files and the reports on them, once the job is completed. inferences: its calls of models."""

    feature_id: Id
    state: Literal["accepted", "running", "completed", "failed", "cancelled"]
    step: str | None
    generator: str
    model: str | None
    delivery: Count
    accepted_at: Instant
    started_at: Instant | None
    settled_at: Instant | None
    writing: FeatureWriting | None
    progress: list[FeatureStep]
    result: dict[str, Any] | None
    inferences: list[dict[str, Any]]
    cost_usd: float | None
    error: dict[str, Any] | None


class Features(TypedDict):
    features: list[Feature]
    total: Count


class FeatureWorker(TypedDict):
    """broken: generators that are installed and cannot be used, each with the reason."""

    worker_id: str
    jobs: Count
    generators: list[str]
    broken: dict[str, str]
    beat_at: Instant


class Workers(TypedDict):
    workers: list[FeatureWorker]


class KeyMade(TypedDict):
    """key: the whole key, which is never shown again."""

    key: str
    key_id: str
    tenant: str
    scopes: list[Scope]
    name: str
    allowed_models: list[str] | None
    created_at: Instant


class ShownKey(TypedDict):
    key_id: str
    tenant: str
    scopes: list[str]
    name: str
    allowed_models: list[str] | None
    created_at: Instant
    revoked_at: Instant | None


class Keys(TypedDict):
    keys: list[ShownKey]
    total: Count


class ShownTenant(TypedDict):
    """terms: the plan's, with its own before them. keys, models: how many it has."""

    tenant: str
    plan: str | None
    own_terms: dict[str, Any]
    terms: Terms
    spent: dict[str, Any] | None
    keys: Count
    models: Count
    created_at: Instant


class Tenants(TypedDict):
    tenants: list[ShownTenant]
    total: Count


class ShownPlan(TypedDict):
    plan: str
    terms: dict[str, Any]
    updated_at: Instant


class Plans(TypedDict):
    plans: list[ShownPlan]
    total: Count


class PlanSet(TypedDict):
    plan: str
    terms: dict[str, Any]


class ShownChange(TypedDict):
    id: Id
    at: Instant
    tenant: str | None
    key_id: str
    action: str
    subject: str
    details: dict[str, Any]


class Changes(TypedDict):
    """next: what to send as `before` for the older ones."""

    changes: list[ShownChange]
    total: Count
    next: Id | None


class Timeline(TypedDict):
    """Of one inference, from the books. candidates, attempts: in the order in which they were tried."""

    inference_id: Id
    state: str
    accepted_at: Instant | None
    settled_at: Instant | None
    duration_s: Seconds | None
    delivery: int
    operation: str | None
    model_requested: Reference | None
    model_served: str | None
    candidates: list[Any]
    attempts: list[dict[str, Any]]
    error: dict[str, Any] | None


class Cancelling(TypedDict):
    inference_id: Id
    state: Literal["cancelling"]


class ShownHealth(TypedDict):
    status: str
    issues: list[Any]


class Summary(TypedDict):
    """The books of a tenant, summed up over the window."""

    requests: dict[str, Any]
    attempts: dict[str, Any]
    performance: dict[str, float]
    costs: dict[str, float]
    health: ShownHealth
    errors: list[dict[str, Any]]
    features: dict[str, Any]
    as_of: Instant
    lag_s: float


class Alive(TypedDict):
    """dead_tasks: what ended by an error, if anything did."""

    status: Literal["alive"]
    dead_tasks: NotRequired[list[str]]


class Ready(TypedDict):
    """reasons: for each check that fails, why. notes: what does not make the service unready."""

    service: str
    status: Literal["ready", "not ready"]
    reasons: dict[str, str]
    notes: NotRequired[dict[str, str]]
