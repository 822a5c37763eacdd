import pytest

from services.monitor.health import Health, ModelCalls, judge


@pytest.mark.parametrize(
    ("total", "failed", "status"),
    [
        (0, 0, "healthy"),
        (4, 4, "healthy"),
        (5, 0, "healthy"),
        (100, 9, "healthy"),
        (100, 10, "degraded"),
        (100, 49, "degraded"),
        (100, 50, "unhealthy"),
        (5, 5, "unhealthy"),
    ],
)
def test_the_rate_of_failures_decides_once_there_are_enough_calls(total: int, failed: int, status: str) -> None:
    judged = judge([ModelCalls("custom:m", total, failed, "rate_limited")], 0.0)
    assert judged.status == status
    assert bool(judged.issues) == (status != "healthy")


def test_an_issue_names_the_model_the_numbers_and_the_main_error() -> None:
    assert judge([ModelCalls("custom:m", 10, 2, "rate_limited")], 0.0).issues == (
        "custom:m: 2 of 10 calls failed, most of them rate_limited",
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_the_worst_model_decides_whatever_its_place(reverse: bool) -> None:
    calls = [ModelCalls("custom:bad", 10, 9, "x"), ModelCalls("custom:so-so", 10, 2, "x"), ModelCalls("c", 10, 0)]
    judged = judge(sorted(calls, key=lambda one: one.failed, reverse=reverse), 0.0)
    assert judged.status == "unhealthy"
    assert len(judged.issues) == 2


@pytest.mark.parametrize(("lag_s", "status"), [(30.0, "healthy"), (30.1, "degraded")])
def test_books_that_are_behind_are_an_issue(lag_s: float, status: str) -> None:
    assert judge([], lag_s).status == status


def test_a_lag_does_not_make_an_unhealthy_model_look_better() -> None:
    judged = judge([ModelCalls("custom:m", 10, 10, "x")], 90.0)
    assert judged.status == "unhealthy"
    assert judged.issues[1] == "the books are 90 s behind"


def test_no_calls_and_no_lag_is_healthy() -> None:
    assert judge([], 0.0) == Health("healthy", ())
