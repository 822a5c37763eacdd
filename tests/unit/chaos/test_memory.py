from tests.chaos.evidence import Sample
from tests.chaos.memory import growths


def life(pid: int, from_s: int, to_s: int, *mib: float) -> list[Sample]:
    """From the first to the second value."""
    step = (mib[1] - mib[0]) / (to_s - from_s)
    return [Sample("router-0", pid, float(at), mib[0] + step * (at - from_s)) for at in range(from_s, to_s, 2)]


def test_memory_that_stays_is_flat() -> None:
    (growth,) = growths(life(1, 0, 200, 100.0, 100.0))
    assert (growth.first, growth.last, growth.slope, growth.is_flat) == (100.0, 100.0, 0.0, True)


def test_memory_that_grows_is_not_although_its_process_came_anew_in_between() -> None:
    (growth,) = growths([*life(1, 0, 200, 100.0, 300.0), *life(2, 200, 400, 250.0, 600.0)])
    assert not growth.is_flat
    assert growth.slope > 60


def test_a_process_that_starts_says_nothing_yet() -> None:
    assert growths(life(1, 0, 100, 97.0, 211.0)) == []


def test_nor_does_one_that_came_anew_before_it_was_warm() -> None:
    assert growths([*life(1, 0, 30, 71.0, 71.0), *life(2, 90, 136, 97.0, 211.0)]) == []
