"""What happens to the inferences of one tenant, and what is summed up meanwhile."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from services.monitor.books.books import ALL_KEPT, fold
from services.monitor.books.store import BookStore
from services.monitor.rollups.steps import SUMMED_FROM, last_over
from services.monitor.rollups.store import RollupStore
from shared.db.pool import Pool
from shared.errors import failure
from shared.events import InferenceEvent, new_id
from tests.support.memory.monitor import MonitorTables
from tests.unit.shared.events.samples import ended, settled, started

SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=25,
    phases=(Phase.generate,),
)  # the database and its sums are shared by the examples, which have tenants of their own

NOW = datetime(2026, 11, 23, 12, 34, 56, 789, UTC)
MODELS = ("custom:a", "custom:b", "openai:c")
OPERATIONS = (None, "chat", "embeddings")
KEYS = (None, "k1", "k2")
SESSIONS = (None, "s1", "s2")

# Spans of time: within what most lives fill, and so long that they hold whole months.
LENGTHS = st.timedeltas(timedelta(seconds=1), timedelta(days=5)) | st.timedeltas(timedelta(days=20), timedelta(days=90))
AGO = st.timedeltas(timedelta(0), timedelta(days=3)) | st.timedeltas(timedelta(0), timedelta(days=30))

_AGES = st.one_of(
    [st.timedeltas(timedelta(0), most) for most in (timedelta(hours=2), timedelta(days=3), timedelta(days=70))]
)

Do = Literal["book", "minutes", "slices", "all that is over"]


@dataclass(frozen=True, slots=True)
class Life:
    """Batches of events of one tenant, with what the monitor sums up before each."""

    batches: tuple[tuple[InferenceEvent, ...], ...]
    sums: tuple[Do, ...]


@st.composite
def inference(draw: st.DrawFn) -> list[InferenceEvent]:
    ids = {"inference_id": new_id(), "tenant_id": "acme"}
    who = {"operation_name": draw(st.sampled_from(OPERATIONS)), "api_key_id": draw(st.sampled_from(KEYS))}
    at = NOW - draw(_AGES)
    events: list[InferenceEvent] = []
    models = draw(st.lists(st.sampled_from(MODELS), max_size=3))
    for number, model in enumerate(models, 1):
        call = ids | {"attempt_id": new_id(), "attempt_number": number, "model": model, "started_at": at}
        if who["operation_name"] is not None:  # only older ends do not say it, which were booked after their starts
            events.append(started(**call | who))
        error = None
        if draw(st.booleans()):
            error = failure(
                draw(st.sampled_from(("server_error", "rate_limited"))), draw(st.sampled_from(("why", "how")))
            )
        if draw(st.integers(0, 5)):
            events.append(
                ended(
                    **call | who,
                    outcome="failed" if error else "succeeded",
                    error=error,
                    event_id=new_id(),
                    ended_at=min(NOW, at + timedelta(seconds=draw(st.integers(0, 90)))),
                    duration_s=draw(st.floats(0, 90)),
                    input_tokens=draw(st.sampled_from((None, 5, 200_000, 200_001))),
                    cost_usd=0.25,
                    streamed=True,
                    first_chunk_s=draw(st.none() | st.floats(0, 90)),
                    chunks=draw(st.sampled_from((0, 1, 7))),
                    reasoning_tokens=draw(st.sampled_from((0, 3))),
                    usage_state=draw(st.sampled_from(("reported", "estimated", "unknown"))),
                )
            )
    if draw(st.integers(0, 5)):
        word = draw(st.sampled_from(("completed", "failed", "rejected")))
        events.append(
            settled(
                **ids | who,
                session=draw(st.sampled_from(SESSIONS)),
                settlement=word,
                error=None if word == "completed" else failure("no_model_available", "why"),
                server_address="h:80" if models else None,
                attempts=len(models),
                first_model=models[0] if models else None,
                event_id=new_id(),
                model_served=models[-1] if models and word == "completed" else None,
                model_requested=None,
                settled_at=min(NOW, at + timedelta(seconds=100)),
                duration_s=draw(st.floats(0, 90)),
            )
        )
    return events


@st.composite
def life(draw: st.DrawFn) -> Life:
    events = [event for events in draw(st.lists(inference(), max_size=8)) for event in events]
    ordered = draw(st.permutations(events)) if events else []
    cuts = sorted(draw(st.lists(st.integers(0, len(ordered)), max_size=3)))
    edges = [0, *cuts, len(ordered)]
    batches = tuple(tuple(ordered[a:b]) for a, b in pairwise(edges))
    sums: tuple[Do, ...] = ("book", "minutes", "slices", "all that is over")
    return Life(batches, tuple(draw(st.sampled_from(sums)) for _ in batches))


async def live(pool: Pool, tenant: str, lived: Life) -> MonitorTables:
    """Books and sums up in the database. Returns the same books, as rows in memory."""
    tables = MonitorTables()
    for batch, sums in zip(lived.batches, lived.sums, strict=True):
        await sum_up(pool, sums)
        books = fold([event.model_copy(update={"tenant_id": tenant}) for event in batch])
        await BookStore(pool).book(books, NOW)
        tables.book(books, NOW)
    return tables


async def sum_up(pool: Pool, what: Do) -> None:
    if what == "book":
        return
    async with RollupStore(pool, busy=1).turn() as turn:
        assert turn is not None
        _, touched = await turn.take_touched(5000)
        await turn.sum_up_minutes(touched, ALL_KEPT if what == "slices" else NOW)
        if what == "all that is over":
            await turn.sum_up_by_key(NOW, 1000)
            for step in SUMMED_FROM:
                await turn.sum_up(step, last_over(NOW, step), 1000)
