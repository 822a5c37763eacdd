"""What was seen, by those who did it, asked, were called, and booked it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.chaos.faults import Planned


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault as it was carried out.

    It took effect between began_at and hit_at; ended_at: the freeze or cut was over, the router there or gone.
    pid: of the target before; problem: why it could not be done as planned.
    """

    planned: Planned
    began_at: datetime
    hit_at: datetime
    ended_at: datetime
    pid: int = 0
    problem: str | None = None


@dataclass(slots=True)
class Note:
    """What one caller knows of its request. status: of the answer, None when it gave up waiting for one.

    ids: every inference id it was told. settlement: what a later look by id said, when there was no answer.
    """

    number: int
    key: str
    ids: set[str] = field(default_factory=set)
    status: int | None = None
    code: str | None = None
    settlement: str | None = None
    answers_question: bool = True
    lost: int = 0
    refused: int = 0
    troubles: list[str] = field(default_factory=list)

    @property
    def resolved(self) -> bool:
        return self.status is not None or self.settlement is not None


@dataclass(frozen=True, slots=True)
class Call:
    """One entry of the model server's ledger."""

    attempt_id: str | None
    behaviour: str


@dataclass(frozen=True, slots=True)
class BookedAttempt:
    attempt_id: str
    inference_id: str
    attempt_number: int
    router_id: str
    started_at: datetime
    on_record: bool
    outcome: str | None
    error_type: str | None


@dataclass(frozen=True, slots=True)
class BookedInference:
    """on_record_at: when the broker took the first settlement."""

    inference_id: str
    settlement: str | None
    on_record_at: datetime | None


@dataclass(frozen=True)
class Evidence:
    """audit: as `tallygate audit --json` says it. not_ready: what did not come back by itself, and why.

    logged: what services wrote as an error, which is what nobody foresaw; a broker that is away is a warning.
    """

    struck: Sequence[Struck]
    notes: Sequence[Note]
    calls: Sequence[Call]
    attempts: Sequence[BookedAttempt]
    inferences: Sequence[BookedInference]
    audit: dict[str, Any]
    not_ready: Sequence[str] = ()
    logged: Sequence[str] = ()
