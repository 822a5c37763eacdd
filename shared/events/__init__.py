"""The contracts between services: events, topics, and how they travel. Only this package knows Kafka."""

from shared.events.attempt import AttemptEnded, AttemptStarted, CandidateConsidered
from shared.events.envelope import Event, new_id, utc_now
from shared.events.inference import InferenceRequested, InferenceSettled, RoutingOptions, Settlement
from shared.events.reply import AttemptSummary, ReplyCompleted, ReplyFailed

__all__ = [
    "AttemptEnded",
    "AttemptStarted",
    "AttemptSummary",
    "CandidateConsidered",
    "Event",
    "InferenceRequested",
    "InferenceSettled",
    "ReplyCompleted",
    "ReplyFailed",
    "RoutingOptions",
    "Settlement",
    "new_id",
    "utc_now",
]
