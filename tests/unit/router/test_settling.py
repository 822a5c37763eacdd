"""A router that stops cuts no settlement short."""

import asyncio
from datetime import timedelta
from typing import Any, cast

from services.router import reports
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.gate import Gate
from services.router.retry import RetryPolicy
from services.router.room import RoomLimits
from services.router.work import Begun
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.events import Event, utc_now
from shared.kafka.publisher import Outgoing
from shared.wire import Completion
from shared.wire.reading.completions import CompletionRead
from tests.support.claims import claims_of
from tests.support.places import no_places
from tests.unit.router.values import beating, holds_all, model, work


class _Endpoint:
    async def complete(self, *_: Any) -> Completion:
        return Completion(b"{}", CompletionRead(text="hi", response_model="m"))


class _SlowlyAcked:
    acks_are_late = False

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.asked, self.acks = asyncio.Event(), asyncio.Event()

    async def publish_until_acked(self, *outgoing: Outgoing) -> None:
        self.asked.set()
        await self.acks.wait()
        self.events += [message.event for message in outgoing]


async def test_what_has_begun_to_be_settled_is_settled_when_the_router_stops() -> None:
    now, acked = utc_now(), _SlowlyAcked()
    job = work(model(), accepted_at=now, deadline_at=now + timedelta(seconds=60), reply_partition=1)
    ring, endpoint, publisher = KeyRing.parse(new_key("k")), cast("Any", _Endpoint()), cast("Any", acked)
    gate = Gate(BreakerPolicy(), no_places())
    attempts = Attempts("r1", ring, endpoint, publisher, RetryPolicy(3, 0.0, 0.0), gate, beating())
    unused: Any = None
    claims = claims_of(unused, attempts, unused, RoomLimits(), beating())
    attempts.admit(job)
    claims._spawn(attempts.run(Begun(job, reports.attempt_started(job, job.first, 1, "r1", now)), 0, holds_all))
    await acked.asked.wait()
    stopping = asyncio.create_task(claims.drain(0))
    await asyncio.sleep(0.01)
    assert not stopping.done()
    acked.acks.set()
    await stopping
    assert [type(event).__name__ for event in acked.events] == ["InferenceSettled", "ReplyCompleted"]
