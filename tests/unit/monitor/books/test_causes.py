import pytest

from services.monitor.books.causes import cause_of
from shared.errors import failure


def cause(detail: str, upstream_status: int | None = 500) -> str:
    return cause_of(failure("server_error", detail, upstream_status=upstream_status))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 12.3 s", "took 0.45 s"),
        ("request req_8f3a2b91 failed", "request req_00ff failed"),
        (
            "inference 019a0000-0000-7000-8000-000000000001 broke",
            "inference 019b1111-0000-7000-8000-00000000000f broke",
        ),
        ("no model named 'a'", "no model named 'b c'"),
        ('no model named "a"', 'no model named "b"'),
        ("no model `a`", "no model `b`"),
        ("x" * 400 + "a", "x" * 400 + "b"),
    ],
)
def test_what_differs_each_time_makes_no_other_cause(one: str, other: str) -> None:
    assert cause(one) == cause(other)


def test_other_words_and_another_status_are_another_cause() -> None:
    assert (
        len({cause("out of memory"), cause("no such model"), cause("no such model", 404), cause("no such model", None)})
        == 4
    )


def test_it_is_the_same_in_each_process() -> None:
    assert cause("out of memory") == "1074fd696d"
