import pytest

from shared.kafka.dead_letter_limit import DeadLetterLimit, DeadLetterLimitError
from tests.unit.shared.kafka.records import record


def test_so_many_within_a_minute_are_allowed_and_no_more() -> None:
    limit = DeadLetterLimit(3)
    for now in (0.0, 10.0, 20.0):
        assert not limit.is_reached(now)
        limit.count(now)

    assert limit.is_reached(20.0)
    assert limit.is_reached(59.9)


def test_a_minute_later_it_is_forgotten_one_by_one() -> None:
    limit = DeadLetterLimit(2)
    limit.count(0.0)
    limit.count(30.0)

    assert not limit.is_reached(60.0)
    limit.count(60.0)
    assert limit.is_reached(89.9)
    assert not limit.is_reached(90.0)


def test_zero_is_no_limit() -> None:
    limit = DeadLetterLimit(0)
    for _ in range(10_000):
        limit.count(1.0)

    assert not limit.is_reached(1.0)
    assert limit.knows("any")


@pytest.mark.parametrize(("recent", "reached"), [(0, False), (4, False), (5, True), (1_000_000, True)])
def test_what_came_before_a_restart_counts(recent: int, reached: bool) -> None:
    limit = DeadLetterLimit(5)
    assert not limit.knows("t")

    limit.learn("t", recent, 7.0)

    assert limit.knows("t")
    assert limit.is_reached(7.0) is reached
    assert not limit.is_reached(67.0)


def test_the_error_says_what_how_many_and_what_to_do() -> None:
    text = str(DeadLetterLimitError(record("inference.requests.v1"), 100))

    assert "after 100 within 60 s" in text
    assert "TALLYGATE_DEAD_LETTERS_PER_MINUTE=100" in text
    assert "tallygate dlq list --topic inference.requests.v1" in text
