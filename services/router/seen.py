"""Which requests this router has claimed lately, so that one that was published twice is worked on once.

A publisher that got no ack in time publishes again, with the same ids; both may be on the topic. One key is one
partition, so both come to the same router, unless the partitions moved in between.
"""

from collections import OrderedDict
from uuid import UUID

from shared.events import InferenceRequested

_REMEMBERED = 100_000


class Seen:
    """Deliveries of inferences; a further delivery of the same inference is another one."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._known: OrderedDict[tuple[UUID, int], None] = OrderedDict()

    def first_time(self, request: InferenceRequested) -> bool:
        """True once for each delivery, and again after it was forgotten."""
        key = (request.inference_id, request.delivery)
        if key in self._known:
            return False
        self._known[key] = None
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return True

    def forget(self, request: InferenceRequested) -> None:
        """The claim failed: it will come again, and must be taken then."""
        self._known.pop((request.inference_id, request.delivery), None)
