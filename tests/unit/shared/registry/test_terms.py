from shared.registry import Terms


def test_a_limit_that_was_stored_as_nothing_is_not_set() -> None:
    assert Terms(rate_per_s=0, burst=0, max_in_flight=0) == Terms()


def test_a_rate_that_was_stored_below_the_minimum_is_the_minimum() -> None:
    assert Terms(rate_per_s=1e-320).rate_per_s == 0.001


def test_other_limits_stay_as_they_are() -> None:
    terms = Terms(rate_per_s=0.5, burst=2, max_in_flight=3, usd_per_day=0)
    assert (terms.rate_per_s, terms.burst, terms.max_in_flight, terms.usd_per_day) == (0.5, 2, 3, 0)
