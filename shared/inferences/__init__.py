"""Ask for an inference and await its answer, whole or chunk by chunk, for every service that needs one."""

from shared.inferences.answers import Answer, AnyReply, InferenceFailedError, NotAcknowledgedError, Reply
from shared.inferences.by_lane import ByLane
from shared.inferences.inferences import Inferences, Order
from shared.inferences.pending import Pending
from shared.inferences.results import Results, reply_of
from shared.inferences.store import InferenceStore
from shared.inferences.streams import AnswerStream, StreamLimits, UnreadError, too_slow
from shared.inferences.withdrawals import Withdrawals

__all__ = [
    "Answer",
    "AnswerStream",
    "AnyReply",
    "ByLane",
    "InferenceFailedError",
    "InferenceStore",
    "Inferences",
    "NotAcknowledgedError",
    "Order",
    "Pending",
    "Reply",
    "Results",
    "StreamLimits",
    "UnreadError",
    "Withdrawals",
    "reply_of",
    "too_slow",
]
