"""What was seen, by those who did it, asked, were called, and booked it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from tests.chaos.faults import Planned
from tests.chaos.patient.words import Words

HONEST, HOSTILE, PATIENT = "honest", "hostile", "patient"


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault as it was carried out.

    It took effect between began_at and hit_at; ended_at: the freeze or cut was over, the router there or gone.
    pid, born_at: of the target before; problem: why it could not be done as planned; left_out: why it cannot be done on
    this machine. effect: what was seen of it. relieved: whether a monitor that was frozen with the lease of recovery
    had lost it before it went on; None: no such fault.
    """

    planned: Planned
    began_at: datetime
    hit_at: datetime
    ended_at: datetime
    pid: int = 0
    born_at: datetime | None = None
    problem: str | None = None
    left_out: str | None = None
    effect: str = ""
    relieved: bool | None = None


@dataclass(slots=True)
class Note:
    """What one caller knows of its request. status: of the answer, None when it gave up waiting for one.

    ids: every inference id it was told. settlement: what a later look by id said, when there was no answer.
    model: as it was asked for. took_s: until the answer, with all repetitions. streams: how many it read the beginning
    of; streams_wrong: what in them was not as it was sent, or seemed to be whole and was not.
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
    asker: str = HONEST
    model: str = ""
    asked_at: datetime | None = None
    took_s: float = 0.0
    streams: int = 0
    streams_wrong: list[str] = field(default_factory=list)

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
    accepted_at: datetime | None = None
    tenant_id: str = ""
    session: str | None = None


class RouterLife(NamedTuple):
    """One process of a router. first_beat_at: when the broker took its first heartbeat, by the broker's clock."""

    router_id: str
    first_beat_at: datetime


class Place(NamedTuple):
    """Of a record on the broker."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that was published past the gateway.

    place: None when it was not acked, and so may be on the topic or not. ends: how it must end, as a dead letter or as
    a settled inference.
    """

    name: str
    ends: Literal["dead letter", "settled"]
    place: Place | None
    inference_id: str | None = None


class Sample(NamedTuple):
    """What a process held. at_s: from the start of the load; rss_mb: in MiB."""

    program: str
    pid: int
    at_s: float
    rss_mb: float


@dataclass(frozen=True)
class Evidence:
    """audit: as `tallygate audit --json` says it. not_ready: what did not come back by itself, and why.

    logged: what services wrote as an error, which is what nobody foresaw; a broker that is away is a warning.
    dead_letters: where the records lie that are dead letters now. patient: what that tenant was told.
    """

    struck: Sequence[Struck]
    notes: Sequence[Note]
    calls: Sequence[Call]
    attempts: Sequence[BookedAttempt]
    inferences: Sequence[BookedInference]
    audit: dict[str, Any]
    lives: Sequence[RouterLife] = ()
    sent: Sequence[Sent] = ()
    dead_letters: Sequence[Place] = ()
    memory: Sequence[Sample] = ()
    not_ready: Sequence[str] = ()
    logged: Sequence[str] = ()
    patient: Words = field(default_factory=Words)
