"""What is known of some records while they are in hand. Values only, but for what is not taken of them."""

from dataclasses import dataclass, field
from uuid import UUID

from services.gateway.bodies import InvalidBodyError
from services.gateway.ingress.admitting import Taken
from services.gateway.ingress.refusing import Refusals
from services.gateway.ingress.store import Known, New
from shared.errors import Failure


@dataclass(slots=True)
class Batch:
    """rooms: by tenant, how many more inferences it may have open. over: why a tenant may send nothing more now. taken:
    what is to be published."""

    known: dict[UUID, Known]
    refusals: Refusals
    rooms: dict[str, int] = field(default_factory=dict)
    over: dict[str, Failure] = field(default_factory=dict)
    taken: dict[UUID, Taken] = field(default_factory=dict)

    def is_new(self, inference_id: UUID) -> bool:
        return inference_id not in self.known and inference_id not in self.taken

    def is_there(self, taken: Taken) -> bool:
        """Whether its answer is there, or it is on its way. Raises TallygateError when it is another request."""
        inference_id = taken.new.inference_id
        if (before := self.taken.get(inference_id)) is not None:
            first, ended = as_known(before.new), True
        elif (known := self.known.get(inference_id)) is not None:
            first, ended = known, known.ended
        else:
            return False
        if (why := why_another(first, taken.new)) is not None:
            raise InvalidBodyError(f"inference_id: it was published before with another {why}", "inference_id")
        if not ended:
            self.taken[inference_id] = taken  # it may not have been published: it needs no place once more
        return True


def as_known(new: New) -> Known:
    return Known(new.tenant_id, new.sha256, new.reply_topic, ended=False)


def why_another(known: Known, new: New) -> str | None:
    """What is not the same of two requests with one id."""
    if (known.tenant_id, known.sha256) != (new.tenant_id, new.sha256):
        return "request"
    return "reply_topic" if known.reply_topic != new.reply_topic else None
