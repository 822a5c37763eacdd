"""Every question that pages, the API and the terminal ask the books, as the monitor reads the answers for them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from services.monitor.cursors import Place
from services.monitor.errors.errors import MOST_GROUPS
from services.monitor.errors.store import ErrorStore
from services.monitor.health.store import Asked, HealthStore
from services.monitor.lists.filters import parse_filters
from services.monitor.lists.store import ListStore
from services.monitor.ranges import Range
from services.monitor.reading.store import Span
from services.monitor.rollups.steps import end
from services.monitor.series.series import parse_axis, parse_group, parse_measure
from services.monitor.series.store import SeriesStore
from services.monitor.sessions.store import SessionStore
from services.monitor.summary.store import SummaryStore
from shared.db.reads import Reads
from shared.events import utc_now

RANGES: Mapping[str, timedelta] = {
    "1 h": timedelta(hours=1),
    "1 d": timedelta(days=1),
    "30 d": timedelta(days=30),
    "400 d": timedelta(days=400),
}

_ERRORS = 20
_PAGE = 50
_CHANGES = 100
_MODEL, _KEY = "custom:model-1", "key-1"
# The pages ask for all but requests by model, p95 by model and key, and time per chunk.
_SERIES = (
    ("requests", None), ("requests", "model"), ("failures", "error_type"), ("tokens", "model"), ("cost", "model"),
    ("cost", "key"), ("tokens", "key"), ("p50", None), ("p95", None), ("p99", None), ("first_chunk_p95", None),
    ("p95", "model"), ("p95", "key"), ("per_chunk_p99", "model"),
)  # fmt: skip
_FILTERS: Mapping[str, Mapping[str, str]] = {
    "inferences": {},
    "inferences that failed": {"state": "failed"},
    "inferences that run": {"state": "running"},
    "inferences of a model": {"model": _MODEL},
    "inferences of a model with an error": {"model": _MODEL, "error_type": "overloaded"},
    "inferences of a key": {"key": _KEY},
    "inferences of an operation": {"operation": "chat"},
    "inferences of an operation of nobody": {"operation": "embeddings"},
    "inferences of a session": {"session": "session-1"},
    "inferences of a session of nobody": {"session": "nobody"},
    "inferences with a tag": {"tag": "team=team-1"},
    "inferences with a tag of nobody": {"tag": "team=nobody"},
}

Ask = Callable[[timedelta], Awaitable[object]]  # a range of that length, which ends now


class Questions:
    """Of one tenant; each is asked anew at the time of the call. The steps of a series are those that pages take."""

    def __init__(self, reads: Reads, tenant_id: str) -> None:
        self._summaries, self._series = SummaryStore(reads), SeriesStore(reads)
        self._errors, self._lists, self._health = ErrorStore(reads), ListStore(reads), HealthStore(reads)
        self._sessions = SessionStore(reads)
        self._tenant_id = tenant_id

    def all(self, inference_id: UUID) -> dict[str, Ask]:
        """inference_id: of one whose page is asked for."""
        found: dict[str, Ask] = {
            "summary": self.summary,
            "summary, one model": lambda length: self.summary(length, model=_MODEL),
            "summary, one key": lambda length: self.summary(length, key=_KEY),
            "errors by cause": self._read_errors,
            "sessions": self._read_sessions,
            "health's history": self._read_health,
            "one inference": lambda _: self._summaries.inference(self._tenant_id, inference_id),
        }
        for measure, group in _SERIES:
            name = f"{measure} by {group}" if group else measure
            found[name] = partial(self._read_series, measure=measure, group=group)
        for name, query in _FILTERS.items():
            found[name] = partial(self._read_list, query=query)
        return found

    async def summary(self, length: timedelta, model: str | None = None, key: str | None = None) -> object:
        return await self._summaries.summary(self._span(length)._replace(model=model, key=key), _ERRORS)

    async def _read_errors(self, length: timedelta) -> object:
        return await self._errors.read(self._span(length), None, MOST_GROUPS)

    async def _read_sessions(self, length: timedelta) -> object:
        return await self._sessions.read(self._span(length))

    async def _read_health(self, length: timedelta) -> object:
        span = self._span(length)
        return await self._health.history(Asked(self._tenant_id, None, span.since, span.until, None, _CHANGES + 1))

    async def _read_series(self, length: timedelta, measure: str, group: str | None) -> object:
        span = self._span(length)
        axis = parse_axis(None, Range(span.since, span.until))
        of_axis = span._replace(since=axis.since, until=axis.until)
        return await self._series.read(of_axis, axis, parse_measure(measure), parse_group(group))

    async def _read_list(self, length: timedelta, query: Mapping[str, str]) -> object:
        span = self._span(length)
        before, filters = Place(span.until, UUID(int=0)), parse_filters(query)
        found = await self._lists.inferences(self._tenant_id, span.since, before, filters, _PAGE + 1)
        ids = [row["inference_id"] for row in found.settled[:_PAGE]]
        return found, await self._lists.calls_of(self._tenant_id, ids)

    def _span(self, length: timedelta) -> Span:
        """Up to now, as it is asked for without `to`."""
        now: datetime = utc_now()
        return Span(self._tenant_id, now - length, end(now, "minute"))
