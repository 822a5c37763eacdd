"""The SQL of GET /api/monitoring/sessions."""

from datetime import datetime
from typing import Any, NamedTuple

from services.monitor.reading.store import SETTINGS, Span, reading, session_arguments
from services.monitor.rollups.session_sums.store import SESSIONS
from shared.db.reads import Reads

_SESSIONS = f"""
SELECT * FROM ({SESSIONS.of_span()}) AS of_span
ORDER BY session = '', usd DESC, input_tokens + output_tokens DESC, session
"""  # noqa: S608 - only constants are joined


class Sessions(NamedTuple):
    """Of the span that was really read. rows: the dearest first; all others together, if there are any, last."""

    since: datetime
    until: datetime
    rows: list[dict[str, Any]]


class SessionStore:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def read(self, span: Span) -> Sessions:
        """Raises TallygateError when the tenant asks too much at a time, or for too long."""
        async with self._reads.snapshot(span.tenant_id) as connection:
            await connection.execute(SETTINGS)
            parts = (await reading(connection, span, late=True, slices=False)).parts
            rows = await connection.fetch(_SESSIONS, *session_arguments(span, parts))
        return Sessions(parts.since, parts.until, [dict(row) for row in rows])
