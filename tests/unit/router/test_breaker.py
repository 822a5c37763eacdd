"""A breaker opens on consecutive failures of the endpoint, and closes by a probe."""

from services.router.breaker import Breaker, BreakerPolicy

POLICY = BreakerPolicy(open_after=3, pause_s=5, max_pause_s=15)


def failed(breaker: Breaker, times: int, now: float = 0.0) -> Breaker:
    for _ in range(times):
        breaker = breaker.entered(now).failed("server_error", now, POLICY)
    return breaker


def test_it_opens_after_as_many_failures_in_a_row_as_allowed() -> None:
    assert failed(Breaker(), 2).state(0) == "closed"
    assert failed(Breaker(), 3).state(0) == "open"


def test_a_success_in_between_starts_the_count_anew() -> None:
    assert failed(failed(Breaker(), 2).succeeded(), 2).state(0) == "closed"


def test_what_says_nothing_of_the_endpoints_health_does_not_open_it() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker = breaker.entered(0).failed("authentication_failed", 0, POLICY)
    assert breaker.state(0) == "closed"


def test_after_the_pause_one_probe_is_let_through() -> None:
    breaker = failed(Breaker(), 3)
    assert breaker.state(4.9) == "open"
    assert breaker.state(5.0) == "half_open"
    assert breaker.entered(5.0).state(5.0) == "open"  # the probe is under way


def test_a_probe_that_succeeds_closes_it() -> None:
    assert failed(Breaker(), 3).entered(5.0).succeeded() == Breaker()


def test_a_probe_that_fails_doubles_the_pause_up_to_the_limit() -> None:
    breaker, now = failed(Breaker(), 3), 0.0
    pauses = []
    for _ in range(4):
        now = breaker.open_until or 0.0
        breaker = failed(breaker, 1, now)
        pauses.append((breaker.open_until or 0.0) - now)
    assert pauses == [10, 15, 15, 15]


def test_a_probe_that_was_not_made_lets_the_next_one_through() -> None:
    assert failed(Breaker(), 3).entered(5.0).left().state(5.0) == "half_open"
