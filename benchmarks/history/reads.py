"""Every question that people ask the books, as the monitor reads it for them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from services.monitor.cursors import Place
from services.monitor.errors.errors import MOST_GROUPS
from services.monitor.errors.store import ErrorStore
from services.monitor.lists.filters import parse_filters
from services.monitor.lists.store import ListStore
from services.monitor.ranges import Range
from services.monitor.reading.store import Span
from services.monitor.rollups.steps import end
from services.monitor.series.series import parse_axis, parse_group, parse_measure
from services.monitor.series.store import SeriesStore
from services.monitor.summary.store import SummaryStore
from shared.db.reads import Reads
from shared.events import utc_now

ERRORS = 20
MONTH = timedelta(days=30)

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_PAGE = 50

Ask = Callable[[], Awaitable[object]]


class Questions:
    """Of one tenant; each is asked anew at the time of the call."""

    def __init__(self, reads: Reads, tenant_id: str) -> None:
        self._summaries, self._series = SummaryStore(reads), SeriesStore(reads)
        self._errors, self._lists = ErrorStore(reads), ListStore(reads)
        self._tenant_id = tenant_id

    def all(self) -> dict[str, Ask]:
        found: dict[str, Ask] = {
            "summary of 1 h": lambda: self.summary(_HOUR),
            "summary of 1 d": lambda: self.summary(_DAY),
            "summary of 30 d": lambda: self.summary(MONTH),
            "summary of 30 d, one model": lambda: self.summary(MONTH, model="custom:model-1"),
            "summary of 30 d, one key": lambda: self.summary(MONTH, key="key-1"),
            "errors of 1 h": lambda: self.errors(_HOUR),
            "errors of 30 d": lambda: self.errors(MONTH),
            "a page of the list": self.page,
        }
        for measure, group, step, length in (
            ("requests", None, "1m", _HOUR), ("requests", "model", "5m", _DAY), ("failures", "error_type", "1h", MONTH),
            ("cost", "model", "1d", MONTH), ("tokens", "key", "1d", MONTH), ("p95", None, "5m", _DAY),
            ("p95", "model", "1h", MONTH), ("p99", None, "1d", MONTH), ("first_chunk_p95", None, "1h", MONTH),
        ):  # fmt: skip
            name = (
                f"timeseries: {measure}{f' by {group}' if group else ''}, {step}, {length.total_seconds() / 3600:.0f} h"
            )
            found[name] = lambda ask=(measure, group, step, length): self.series(*ask)  # type: ignore[misc]
        return found

    async def summary(self, length: timedelta, model: str | None = None, key: str | None = None) -> object:
        return await self._summaries.summary(self._span(length)._replace(model=model, key=key), ERRORS)

    async def errors(self, length: timedelta) -> object:
        return await self._errors.read(self._span(length), None, MOST_GROUPS)

    async def series(self, measure: str, group: str | None, step: str, length: timedelta) -> object:
        span = self._span(length)
        axis = parse_axis(step, Range(span.since, span.until))
        of_axis = span._replace(since=axis.since, until=axis.until)
        return await self._series.read(of_axis, axis, parse_measure(measure), parse_group(group))

    async def page(self) -> object:
        span = self._span(MONTH)
        before = Place(span.until, UUID(int=0))
        return await self._lists.inferences(self._tenant_id, span.since, before, parse_filters({}), _PAGE + 1)

    def _span(self, length: timedelta) -> Span:
        """Up to now, as it is asked for without `to`."""
        now = utc_now()
        return Span(self._tenant_id, now - length, end(now, "minute"))
