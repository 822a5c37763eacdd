"""What the books say."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Id, Instant, Seconds
from shared.events import HealthStatus
from shared.events.bounds import Reference
from shared.events.inference import Settlement


class Timeline(TypedDict):
    """Of one inference, from the books. candidates, attempts: in the order in which they were tried. trace_id: of the
    W3C trace in which it was asked for; null when there was none. booked_at: when the books took its settlement, by the
    database's clock.

    background and what follows it: of one in the background. result: as its operation answers."""

    inference_id: Id
    state: str
    accepted_at: Instant | None
    settled_at: Instant | None
    booked_at: Instant | None
    duration_s: Seconds | None
    delivery: int
    operation: str | None
    key: str | None
    session: str | None
    tags: dict[str, str]
    trace_id: str | None
    model_requested: Reference | None
    model_served: str | None
    candidates: list[Any]
    attempts: list[dict[str, Any]]
    error: dict[str, Any] | None
    background: NotRequired[Literal[True]]
    result: NotRequired[Any]
    result_kept_until: NotRequired[Instant]


class BackgroundLinks(TypedDict):
    status: str
    events: str


class BackgroundAccepted(TypedDict):
    inference_id: Id
    state: Literal["accepted"]
    operation: str
    accepted_at: Instant
    deadline_at: Instant
    links: BackgroundLinks


class ListedBackground(TypedDict):
    """state: `open` until its result is stored, then as it was settled; null when the result is kept no longer. Its
    timeline tells an open one that is called from one that waits."""

    inference_id: Id
    operation: str
    state: Literal["open"] | Settlement | None
    error_type: str | None
    streamed: bool
    accepted_at: Instant
    deadline_at: Instant
    ended_at: Instant | None
    result_kept_until: Instant


class BackgroundList(TypedDict):
    items: list[ListedBackground]
    next_cursor: Id | None


class ListedUsage(TypedDict):
    """Of the call that answered, or of the last one."""

    input_tokens: int | None
    output_tokens: int | None
    state: Literal["reported", "estimated", "unknown"]


class ListedInference(TypedDict):
    """usage: None while there is no call that has ended. cost_usd: of all its calls."""

    inference_id: Id
    state: str
    operation: str | None
    accepted_at: Instant
    settled_at: Instant | None
    duration_s: Seconds | None
    model_requested: Reference | None
    model_served: str | None
    attempts: int
    error_type: str | None
    first_chunk_s: Seconds | None
    usage: ListedUsage | None
    cost_usd: float | None
    key: str | None
    session: str | None
    tags: dict[str, str]


# Some of its names are words of Python.
Inferences = TypedDict(
    "Inferences",
    {
        "items": list[ListedInference],
        "next_cursor": str | None,
        "looked_to": Instant,
        "from": Instant,
        "to": Instant,
        "as_of": Instant,
        "lag_s": float,
    },
)


class Cancelling(TypedDict):
    inference_id: Id
    state: Literal["cancelling"]


class ShownHealth(TypedDict):
    status: str
    issues: list[Any]


# Its names, and those of the next ones, are partly words of Python. Of the range that was really read, as all of them.
Summary = TypedDict(
    "Summary",
    {
        "requests": dict[str, Any],
        "attempts": dict[str, Any],
        "performance": dict[str, float],
        "tokens": dict[str, Count],
        "usage": dict[str, Count],
        "costs": dict[str, float],
        "health": ShownHealth,
        "errors": list[dict[str, Any]],
        "features": dict[str, Any],
        "from": Instant,
        "to": Instant,
        "as_of": Instant,
        "lag_s": float,
    },
)


class Series(TypedDict):
    """group: null when none was asked for; `none`: of what has no such thing; `other`: of all groups without a series
    of their own. points: one for each step, by its beginning; nothing counted is 0, and for a percentile null."""

    group: str | None
    points: list[tuple[Instant, float | None]]


Timeseries = TypedDict(
    "Timeseries",
    {"series": list[Series], "step": str, "from": Instant, "to": Instant, "as_of": Instant, "lag_s": float},
)


class ErrorGroup(TypedDict):
    """cause: the same for errors whose detail differs in numbers, ids and quoted names only; empty for all the
    less frequent ones. detail: of the newest sample, null when its row is gone. keys: those that met it most."""

    error_type: str
    model: str
    endpoint: str
    cause: str
    count: Count
    first_seen: Instant
    last_seen: Instant
    detail: str | None
    tips: list[str]
    sample_inference_ids: list[Id]
    keys: list[str]
    more_keys: bool


# total: errors of all groups; more_groups: how many groups are not told.
ErrorGroups = TypedDict(
    "ErrorGroups",
    {
        "groups": list[ErrorGroup],
        "more_groups": Count,
        "total": Count,
        "from": Instant,
        "to": Instant,
        "as_of": Instant,
        "lag_s": float,
    },
)


class OtherSessions(TypedDict):
    """failures: requests that ended otherwise than completed or rejected. attempts, tokens, cost_usd: of all their
    calls. first_at, last_at: of settlements."""

    requests: Count
    failures: Count
    attempts: Count
    input_tokens: Count
    output_tokens: Count
    cost_usd: float
    first_at: Instant
    last_at: Instant


class SessionSums(OtherSessions):
    """As its base says."""

    session: str


# others: the sums of all without a row of their own; null when there is none.
Sessions = TypedDict(
    "Sessions",
    {
        "sessions": list[SessionSums],
        "others": OtherSessions | None,
        "from": Instant,
        "to": Instant,
        "as_of": Instant,
        "lag_s": float,
    },
)


class Compared(TypedDict):
    """average_s, p50_s, p95_s: of those that were completed, from acceptance to settlement; null when there are none.
    first_chunk_p50_s, first_chunk_p95_s: from the call to the first content, where both of a pair were streamed.
    cost_usd, tokens: of all calls."""

    completed: Count
    failed: Count
    by_error_type: dict[str, Count]
    average_s: float | None
    p50_s: float | None
    p95_s: float | None
    first_chunk_p50_s: float | None
    first_chunk_p95_s: float | None
    cost_usd: float
    input_tokens: Count
    output_tokens: Count


class ShadowGroup(TypedDict):
    """model: that answered. shadow_model: that got copies of the same requests. pairs: requests and copies that have
    both ended."""

    model: str
    shadow_model: str | None
    pairs: Count
    original: Compared
    shadow: Compared


# not_made: copies that found no room, no budget, or whose router was lost. from: later than what was asked for when
# more was settled than one read looks at.
Shadows = TypedDict(
    "Shadows",
    {
        "groups": list[ShadowGroup],
        "not_made": Count,
        "from": Instant,
        "to": Instant,
        "as_of": Instant,
        "lag_s": float,
    },
)


class HealthThresholds(TypedDict):
    """Shares of failed calls, 0 to 1, that hold from min_calls calls in five minutes on."""

    degraded_at: float
    unhealthy_at: float
    min_calls: Count


class HealthChange(TypedDict):
    """id: of the event that told it. errors: of the calls that failed, by type. thresholds: that applied;
    null: not known."""

    id: Id
    model: str
    at: Instant
    status: HealthStatus
    reason: str
    cause: Literal["calls", "probe", "silence"] | None
    calls: Count
    failed: Count
    errors: dict[str, Count]
    thresholds: HealthThresholds | None
    was: NotRequired[HealthStatus]


class ProbeState(TypedDict):
    """asked_at: of the last one. ended_at, error_type: of the last one that said something; without a type it was
    answered."""

    every_s: int
    asked_at: Instant | None
    ended_at: Instant | None
    error_type: str | None


class WatchedHealth(TypedDict):
    """Of a model, as it is now. since: of this status; null: it has had no other one. thresholds: that apply now."""

    model: str
    status: HealthStatus
    since: Instant | None
    reason: str
    cause: Literal["calls", "probe", "silence"] | None
    calls: Count
    failed: Count
    errors: dict[str, Count]
    p50_s: Seconds | None
    thresholds: HealthThresholds
    probe: ProbeState | None


class HealthHistory(TypedDict):
    """models: how they are now. items: changes from `from` until `to`, newest first. at_from: the change by which each
    model was as it was at `from`; one that is missing was healthy."""

    models: list[WatchedHealth]
    items: list[HealthChange]
    at_from: list[HealthChange]
    next_cursor: str | None
    as_of: Instant
    lag_s: float


class ShownRouter(TypedDict):
    """silent_s: since the monitor heard it. A router that is silent for 10 s is taken for lost."""

    router_id: str
    state: Literal["alive", "silent", "stopped"]
    in_flight: Count
    started_at: Instant
    beat_at: Instant
    silent_s: Seconds


class ShownDeadLetters(TypedDict):
    """Of one topic: how many are kept (14 days), and how many came in the last day."""

    topic: str
    kept: Count
    last_day: Count


class ShownRedelivery(TypedDict):
    """delivery: as which it was handed out again, at published_at. lost_by: the router that had it. settlement: null
    while it is open."""

    inference_id: Id
    tenant: str | None
    delivery: Count
    lost_by: str
    decided_at: Instant
    published_at: Instant | None
    settlement: Settlement | None


class Orphans(TypedDict):
    """Claimed inferences that no living router works on. waiting: how many there are now. redelivered: those that were
    handed to another router within a day, the newest first, 20 at most."""

    waiting: Count
    redelivered: list[ShownRedelivery]


class Instances(TypedDict):
    """requests_waiting, bulk_waiting: accepted, and claimed by no router yet; the oldest for so many seconds, null
    while that is not known. monitor: which one answered."""

    routers: list[ShownRouter]
    requests_waiting: Count
    bulk_waiting: Count
    requests_waiting_s: Seconds | None
    bulk_waiting_s: Seconds | None
    orphans: Orphans
    monitor: str
    lag_s: Seconds
    dead_letters: list[ShownDeadLetters]
    as_of: Instant


class ShownDeadLetter(TypedDict):
    """id: where it lies. What is not known of its source is null. left_out: what of it was too large to be kept."""

    id: str
    at: Instant
    error_type: str | None
    reason: str | None
    source_topic: str
    source_partition: Count | None
    source_offset: Count | None
    replayed_from: str | None
    size: Count
    left_out: str | None


class DeadLettersOfTopic(TypedDict):
    """kept: of how many these are the newest."""

    topic: str
    kept: Count
    entries: list[ShownDeadLetter]


class DeadLetters(TypedDict):
    topics: list[DeadLettersOfTopic]


class ReplayedLetter(TypedDict):
    """Where it was published."""

    id: str
    topic: str
    partition: Count
    offset: Count


class ReplayedLetters(TypedDict):
    replayed: list[ReplayedLetter]
