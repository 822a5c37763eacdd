"""Inferences that this gateway accepted lately, which the books may not have yet."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.memory import Memory

_REMEMBERED = 10_000


@dataclass(slots=True)
class Accepted:
    """An inference that this gateway accepted; the books may not have it yet."""

    tenant_id: str
    model_requested: str | None
    accepted_at: datetime
    answered: bool = False


class Lately:
    def __init__(self) -> None:
        self._accepted: Memory[UUID, Accepted] = Memory(_REMEMBERED)

    def accepted(self, inference_id: UUID, accepted: Accepted) -> None:
        self._accepted.put(inference_id, accepted)

    def answered(self, inference_id: UUID) -> None:
        if (accepted := self._accepted.get(inference_id)) is not None:
            accepted.answered = True

    def find(self, inference_id: UUID, tenant_id: str) -> Accepted | None:
        """None when this gateway does not remember it, or when it is another tenant's."""
        accepted = self._accepted.get(inference_id)
        return accepted if accepted is not None and accepted.tenant_id == tenant_id else None
