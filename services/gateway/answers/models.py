"""Models, what they are asked by, and how they are set up."""

from typing import Any, Literal

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Id, Instant, Seconds, Usage
from shared.errors import ErrorType
from shared.policies import Policy
from shared.registry.definition import Protocol
from shared.registry.models import Capabilities, Price, Task


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
    health: dict[str, Any] | None
    probe: dict[str, Any] | None
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
