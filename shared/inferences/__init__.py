"""Ask for an inference and await its answer, for every service that needs one."""

from shared.inferences.inferences import Answer, InferenceFailedError, Inferences, Order
from shared.inferences.pending import Pending, Reply
from shared.inferences.results import Results
from shared.inferences.store import InferenceStore

__all__ = ["Answer", "InferenceFailedError", "InferenceStore", "Inferences", "Order", "Pending", "Reply", "Results"]
