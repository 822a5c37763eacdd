"""The contracts between services: events, the topics that carry them, and how they are written down."""

from shared.clock import utc_now
from shared.events.attempt import AttemptEnded, AttemptStarted, CandidateConsidered, InferenceHeld, UsageState
from shared.events.books import DaySealed
from shared.events.envelope import Event, InferenceEvent, Now, new_id
from shared.events.feature import (
    FeatureCall,
    FeatureCancelRequested,
    FeatureEvent,
    FeatureProgressed,
    FeatureRequested,
    FeatureSettled,
    FeatureStarted,
    FeatureStep,
    FeatureWorkerBeat,
)
from shared.events.inference import (
    CancelRequested,
    InferenceAccepted,
    InferenceRequested,
    InferenceSettled,
    ReplyTo,
    RoutingOptions,
    Settlement,
)
from shared.events.model import HealthStatus, HealthThresholds, ModelHealthChanged
from shared.events.reply import AttemptSummary, ReplyCompleted, ReplyFailed
from shared.events.router import RouterHeartbeat
from shared.events.tenant import CAP_LIFE, SessionCapped, SessionSpent, TenantSpent

__all__ = [
    "CAP_LIFE",
    "AttemptEnded",
    "AttemptStarted",
    "AttemptSummary",
    "CancelRequested",
    "CandidateConsidered",
    "DaySealed",
    "Event",
    "FeatureCall",
    "FeatureCancelRequested",
    "FeatureEvent",
    "FeatureProgressed",
    "FeatureRequested",
    "FeatureSettled",
    "FeatureStarted",
    "FeatureStep",
    "FeatureWorkerBeat",
    "HealthStatus",
    "HealthThresholds",
    "InferenceAccepted",
    "InferenceEvent",
    "InferenceHeld",
    "InferenceRequested",
    "InferenceSettled",
    "ModelHealthChanged",
    "Now",
    "ReplyCompleted",
    "ReplyFailed",
    "ReplyTo",
    "RouterHeartbeat",
    "RoutingOptions",
    "SessionCapped",
    "SessionSpent",
    "Settlement",
    "TenantSpent",
    "UsageState",
    "new_id",
    "utc_now",
]
