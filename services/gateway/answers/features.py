"""Feature jobs and their workers."""

from typing import Any, Literal

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Id, Instant


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
