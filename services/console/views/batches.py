"""Batches as pages show them: how far each is, since when, what it costs, and its life step by step."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args
from urllib.parse import urlencode

from shared.batches import LAST_STATES, Status

STATES: tuple[Status, ...] = get_args(Status)
_TONES = {"completed": "ok", "failed": "bad", "expired": "bad", "cancelled": "warn", "cancelling": "warn"}
# In which order a batch may have them; the last one is how it ended.
_STEPS = {
    "created_at": "accepted", "in_progress_at": "its file was checked, and its lines are begun",
    "cancelling_at": "no more lines are begun, and those in flight are cancelled",
    "finalizing_at": "all lines have ended, and its files are written",
    "completed_at": "completed", "failed_at": "failed", "expired_at": "expired", "cancelled_at": "cancelled",
}  # fmt: skip


class Batch(NamedTuple):
    """done, failed: shares of all lines, in percent. age_s: until its end, or until now. cost_usd: of its session since
    it was made; None where that is not told. inferences: where those of its lines are listed."""

    told: Mapping[str, Any]
    tone: str
    ended: bool
    lines_ended: int
    done: float
    failed: float
    created_at: datetime
    expires_at: datetime
    age_s: float
    cost_usd: float | None
    inferences: str

    @property
    def cost_of_all_usd(self) -> float | None:
        """What it will come to if the other lines cost as much; None where nothing can be said."""
        if self.ended or not self.lines_ended or not self.cost_usd:
            return None
        return self.cost_usd / self.lines_ended * int(self.told["request_counts"]["total"])


class Step(NamedTuple):
    at: datetime
    what: str


def batch_of(told: Mapping[str, Any], costs: Mapping[str, float], now: datetime) -> Batch:
    """told: of /v1/batches. costs: by session."""
    counts, created_at = told["request_counts"], _instant(told["created_at"])
    ended = told["status"] in LAST_STATES
    until = _instant(told[f"{told['status']}_at"]) if ended else now
    query = {"session": told["session"], "from": f"{created_at:%Y-%m-%dT%H:%M:%S}Z"}
    return Batch(
        told=told,
        tone=_TONES.get(told["status"], "run"),
        ended=ended,
        lines_ended=counts["completed"] + counts["failed"],
        done=_percent(counts["completed"], counts["total"]),
        failed=_percent(counts["failed"], counts["total"]),
        created_at=created_at,
        expires_at=_instant(told["expires_at"]),
        age_s=max(0.0, (until - created_at).total_seconds()),
        cost_usd=costs.get(told["session"]),
        inferences=f"/inferences?{urlencode(query)}",
    )


def life(told: Mapping[str, Any]) -> list[Step]:
    """What has become of it so far, the first first."""
    return [Step(_instant(told[name]), what) for name, what in _STEPS.items() if told[name] is not None]


def since(batches: Sequence[Mapping[str, Any]]) -> str:
    """Of the oldest one, for the API."""
    return min(_instant(one["created_at"]) for one in batches).isoformat()


def costs(told: Mapping[str, Any] | None) -> dict[str, float]:
    """By session. told: of GET /api/monitoring/sessions."""
    return {one["session"]: one["cost_usd"] for one in (told or {"sessions": ()})["sessions"]}


def wanted(state: str | None) -> Status | None:
    """None: all."""
    return next((one for one in STATES if one == state), None)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
