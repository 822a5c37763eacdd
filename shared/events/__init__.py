"""The contracts between services: events, topics, and how they travel. Only this package knows Kafka."""

from shared.events.attempt import AttemptEnded, AttemptStarted, CandidateConsidered
from shared.events.envelope import Event, InferenceEvent, new_id, utc_now
from shared.events.inference import CancelRequested, InferenceRequested, InferenceSettled, RoutingOptions, Settlement
from shared.events.reply import AttemptSummary, ReplyCompleted, ReplyFailed
from shared.events.router import RouterHeartbeat

__all__ = [
    "AttemptEnded",
    "AttemptStarted",
    "AttemptSummary",
    "CancelRequested",
    "CandidateConsidered",
    "Event",
    "InferenceEvent",
    "InferenceRequested",
    "InferenceSettled",
    "ReplyCompleted",
    "ReplyFailed",
    "RouterHeartbeat",
    "RoutingOptions",
    "Settlement",
    "new_id",
    "utc_now",
]
