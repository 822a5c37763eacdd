"""The table of docs/metrics.md, between two marks: every metric, and which services tell it."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import services.features.instruments
import services.gateway.instruments
import services.jobs.instruments
import services.monitor.instruments
import services.router.instruments
import shared.kafka.dead_letters.sending
import shared.service.ways_back
import shared.telemetry.attempts
import shared.telemetry.instruments
import shared.telemetry.settlements
from shared.telemetry.instruments import Counter, Gauge, Histogram

_BEGIN, _END = "<!-- table of metrics -->", "<!-- end -->"
_HEAD = "\n| metric | kind | labels | told by | what it says |\n|---|---|---|---|---|\n"

# Where instruments stand, and which services load that module. A test asks running services whether this is so.
_TOLD_BY: dict[ModuleType, tuple[str, ...]] = {
    shared.telemetry.instruments: ("gateway", "router", "monitor", "features", "jobs", "console"),
    services.gateway.instruments: ("gateway",),
    shared.service.ways_back: ("gateway", "features"),
    shared.telemetry.settlements: ("gateway", "router", "monitor"),
    shared.telemetry.attempts: ("router", "monitor"),
    services.router.instruments: ("router",),
    services.monitor.instruments: ("monitor",),
    services.features.instruments: ("features",),
    services.jobs.instruments: ("jobs",),
    shared.kafka.dead_letters.sending: ("gateway", "router", "monitor", "features", "jobs"),
}


class Instrument(NamedTuple):
    """name: as it is scraped; that of a histogram without `_bucket`, `_sum` and `_count`."""

    name: str
    told_by: tuple[str, ...]
    instrument: Any

    @property
    def kind(self) -> str:
        kind: str = self.instrument._type
        return kind

    @property
    def labels(self) -> tuple[str, ...]:
        labels: tuple[str, ...] = self.instrument._labelnames
        return labels


def _instruments() -> Iterator[Instrument]:
    for module, told_by in _TOLD_BY.items():
        for value in vars(module).values():
            if isinstance(value, Counter | Gauge | Histogram):
                total = "_total" if isinstance(value, Counter) else ""
                yield Instrument(f"{value._name}{total}", told_by, value)


INSTRUMENTS = tuple(_instruments())


def with_metrics(page: str) -> str:
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{_HEAD}{''.join(map(_row, INSTRUMENTS))}\n{_END}{after}"


def _row(one: Instrument) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels)
    return f"| `{one.name}` | {one.kind} | {labels} | {', '.join(one.told_by)} | {one.instrument._documentation} |\n"
