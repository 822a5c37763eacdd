"""Ask for an inference and await its answer, for every service that needs one."""

from shared.inferences.by_lane import ByLane
from shared.inferences.inferences import Answer, InferenceFailedError, Inferences, NotAcknowledgedError, Order
from shared.inferences.pending import AnyReply, Pending, Reply
from shared.inferences.results import Results
from shared.inferences.store import InferenceStore
from shared.inferences.withdrawals import Withdrawals

__all__ = [
    "Answer",
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
    "Withdrawals",
]
