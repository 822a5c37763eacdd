"""`python -m benchmarks books`: how fast the monitor books what waits on the topics."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from benchmarks import usage
from benchmarks.api import read_metric
from benchmarks.book_events import EVENTS_PER_INFERENCE, inference_events
from benchmarks.budgets import booking_budget
from benchmarks.system import System, running_system
from benchmarks.tables import budget_table, console
from benchmarks.truth import audit
from deploy.local.failure import LocalRunError
from deploy.local.progress import step
from shared.telemetry.names import METRIC_BOOKED

_PAGE = 2000  # inferences that are published before their acks are awaited
_TIMEOUT_S = 600.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Booking:
    """events and seconds: from the first look at which something was booked to the one at which all was.
    cpu_s: by process, from the start of the monitor."""

    events: int
    seconds: float
    cpu_s: dict[str, float]

    @property
    def per_s(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0


def run(events: int) -> bool:
    inferences = events // EVENTS_PER_INFERENCE
    with running_system([]) as system:
        system.stack.stop_program("monitor")
        with step(f"publish {inferences * EVENTS_PER_INFERENCE:,} events"):
            asyncio.run(_publish(system.bootstrap_servers, inferences))
        with step("book them"):
            booking = _booked(system, inferences * EVENTS_PER_INFERENCE)
        system.api.wait_booked(inferences)
        balanced = bool(audit(system)["balanced"])
    console.print(budget_table([booking_budget(booking.per_s)]))
    per_10k = {name: 10_000 * used / (inferences * EVENTS_PER_INFERENCE) for name, used in booking.cpu_s.items()}
    cpu_text = ", ".join(f"{name} {seconds:.2f}" for name, seconds in per_10k.items())
    console.print(f"CPU-seconds per 10,000 events, with the monitor's start: {cpu_text}.")
    console.print(f"{inferences:,} inferences are in the books; the audit says {'' if balanced else 'NOT '}balanced.")
    return balanced


async def _publish(bootstrap_servers: str, inferences: int) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", linger_ms=20, max_batch_size=1_000_000
    ) as producer:
        for first in range(0, inferences, _PAGE):
            acks = []
            for number in range(first, min(first + _PAGE, inferences)):
                for topic, event in inference_events(number, datetime.now(UTC)):
                    headers = event.headers("tallygate/bench", None)
                    acks.append(await producer.send(topic.name, event.encoded(), event.key, headers=headers))
            await asyncio.gather(*acks)


def _booked(system: System, events: int) -> Booking:
    pids = {name: system.pids[name] for name in ("kafka", "postgres")}
    before = usage.cpu_by_process(pids)
    system.stack.start_program("monitor")
    system.stack.wait_ready("monitor")
    pids["monitor"] = system.stack.pid("monitor")
    first_at, first = _wait_count(system, 1)
    last_at, last = _wait_count(system, events)
    after = usage.cpu_by_process(pids)
    return Booking(last - first, last_at - first_at, {name: after[name] - before.get(name, 0.0) for name in pids})


def _wait_count(system: System, events: int) -> tuple[float, int]:
    """When so many events are booked, and how many there are by then."""
    deadline = time.monotonic() + _TIMEOUT_S
    while (count := int(read_metric(system.api.monitor, METRIC_BOOKED))) < events:
        if time.monotonic() > deadline:
            raise LocalRunError(f"The monitor has booked {count} of {events} events in {_TIMEOUT_S:.0f} s.")
        time.sleep(_POLL_S)
    return time.monotonic(), count
