from datetime import UTC, datetime, timedelta
from typing import Any

from services.monitor.health.history import standing, timeline
from services.monitor.health.store import History
from services.monitor.ranges import Range
from services.monitor.rollups.health import NO_CALLS, THRESHOLDS
from shared.events import HealthThresholds, ModelHealthChanged, new_id
from shared.registry.health import Probing

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPAN = Range(NOW - timedelta(hours=1), NOW)
EVENT = new_id()
NONE = History([], [], [], [])


def row(model: str = "custom:m", status: str = "unhealthy", minutes_ago: int = 10, **more: Any) -> dict[str, Any]:
    judged: dict[str, Any] = {
        "cause": "calls", "calls": 10, "failed": 8, "errors": {"overloaded": 8},
        "degraded_at": 0.1, "unhealthy_at": 0.5, "min_calls": 5,
        "reason": "8 of 10 calls failed, most of them overloaded",
    }  # fmt: skip
    at = NOW - timedelta(minutes=minutes_ago)
    return {"event_id": EVENT, "model": model, "changed_at": at, "status": status, "was": "healthy"} | judged | more


def word(model: str = "custom:m", **fields: Any) -> ModelHealthChanged:
    told = {
        "status": "unhealthy",
        "calls": 50,
        "failed": 40,
        "errors": [{"error_type": "overloaded", "calls": 40}],
        "reason": "40 of 50",
    }
    return ModelHealthChanged(**{"tenant_id": "acme", "model": model, "changed_at": NOW} | told | fields)


def now(history: History, *said: ModelHealthChanged, **probings: Probing) -> list[dict[str, Any]]:
    return standing(history, said, lambda _: THRESHOLDS, {f"custom:{name}": one for name, one in probings.items()})


def test_a_change_tells_what_was_counted_and_by_which_thresholds() -> None:
    told = timeline(NONE._replace(changes=[row()]), SPAN)
    assert told["items"] == [
        {
            "id": str(EVENT), "model": "custom:m",
            "at": "2026-11-23T11:50:00+00:00", "status": "unhealthy", "was": "healthy",
            "reason": "8 of 10 calls failed, most of them overloaded", "cause": "calls", "calls": 10, "failed": 8,
            "errors": {"overloaded": 8}, "thresholds": {"degraded_at": 0.1, "unhealthy_at": 0.5, "min_calls": 5},
        }
    ]  # fmt: skip
    assert (told["from"], told["to"]) == ("2026-11-23T11:00:00+00:00", "2026-11-23T12:00:00+00:00")


def test_a_change_of_before_figures_were_kept_is_told_without_them() -> None:
    names = ("cause", "calls", "failed", "errors", "degraded_at", "unhealthy_at", "min_calls")
    (told,) = timeline(NONE._replace(changes=[row() | dict.fromkeys(names)]), SPAN)["items"]
    assert (told["cause"], told["calls"], told["errors"], told["thresholds"]) == (None, 0, {}, None)


def test_how_models_were_when_the_range_began_is_told() -> None:
    before = [row("custom:n", "degraded", 90), row("custom:m", "healthy", 70)]
    told = timeline(NONE._replace(before=before), SPAN)["at_from"]
    assert [(one["model"], one["status"]) for one in told] == [("custom:m", "healthy"), ("custom:n", "degraded")]


def test_the_newest_figures_go_with_the_time_of_the_change() -> None:
    (told,) = now(NONE._replace(now=[row(minutes_ago=30)]), word())
    assert (told["status"], told["since"], told["calls"]) == ("unhealthy", "2026-11-23T11:30:00+00:00", 50)
    assert told["thresholds"] == {"degraded_at": 0.1, "unhealthy_at": 0.5, "min_calls": 5}


def test_a_change_that_was_written_down_and_not_yet_heard_of_counts() -> None:
    (told,) = now(NONE._replace(now=[row(status="healthy", reason=NO_CALLS)]), word())
    assert (told["status"], told["reason"]) == ("healthy", NO_CALLS)


def test_models_without_a_change_are_told_too() -> None:
    called, probed = now(NONE, word("custom:a", status="healthy", failed=0, errors=()), b=Probing(every_s=60))
    assert (called["model"], called["status"], called["since"], called["calls"]) == ("custom:a", "healthy", None, 50)
    assert (probed["model"], probed["status"], probed["since"]) == ("custom:b", "healthy", None)
    assert probed["probe"] == {"every_s": 60, "asked_at": None, "ended_at": None, "error_type": None}


def test_the_last_probe_is_told_while_the_model_is_probed() -> None:
    probe = {"model": "custom:m", "asked_at": NOW, "ended_at": NOW, "error_type": "tls_failed"}
    history = NONE._replace(now=[row()], probes=[probe])
    (told,) = now(history, m=Probing(every_s=60))
    assert told["probe"]["error_type"] == "tls_failed"
    (told,) = now(history)
    assert told["probe"] is None


def test_each_model_has_its_own_thresholds() -> None:
    own = HealthThresholds(degraded_at=0.3, unhealthy_at=0.4, min_calls=1)
    told = standing(
        NONE, [word("custom:a"), word("custom:b")], {"custom:a": own, "custom:b": THRESHOLDS}.__getitem__, {}
    )
    assert [one["thresholds"]["min_calls"] for one in told] == [1, 5]
