from services.gateway.inference.waiting_room import WaitingRoom


def room(*seen: tuple[float, dict[int, int]], kept_s: float = 60.0) -> WaitingRoom:
    made = WaitingRoom(kept_s)
    for at_s, ends in seen:
        made.seen(at_s, ends)
    return made


def test_nothing_waits_while_everything_is_claimed() -> None:
    assert room((1.0, {0: 5, 1: 0})).age_s(1.0, {0: 5, 1: 0}) == 0.0
    assert room().age_s(1.0, {}) == 0.0


def test_the_oldest_request_is_as_old_as_the_first_end_past_what_is_claimed() -> None:
    waiting = room((1.0, {0: 5}), (2.0, {0: 6}), (3.0, {0: 9}))

    assert waiting.age_s(3.5, {0: 5}) == 1.5
    assert waiting.age_s(3.5, {0: 6}) == 0.5
    assert waiting.age_s(3.5, {0: 9}) == 0.0


def test_the_slowest_partition_counts() -> None:
    waiting = room((1.0, {0: 5, 1: 1}), (2.0, {0: 5, 1: 3}))

    assert waiting.age_s(2.0, {0: 4, 1: 3}) == 1.0


def test_a_partition_that_nobody_has_claimed_from_waits_since_its_first_request() -> None:
    assert room((1.0, {0: 0}), (2.0, {0: 1})).age_s(4.0, {}) == 2.0


def test_what_is_older_than_the_history_is_at_least_as_old_as_it() -> None:
    waiting = room(*((float(second), {0: 1}) for second in range(100)), kept_s=10.0)

    assert waiting.age_s(99.0, {0: 0}) == 10.0


def test_what_was_seen_of_a_topic_that_was_made_anew_does_not_count() -> None:
    assert room((1.0, {0: 9}), (2.0, {0: 1})).age_s(3.0, {0: 1}) == 0.0
