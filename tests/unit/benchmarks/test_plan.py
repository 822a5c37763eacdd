"""Order of the points, and the events of the booking benchmark."""

from datetime import UTC, datetime

from benchmarks.book_events import EVENTS_PER_INFERENCE, inference_events
from benchmarks.plan import TARGETS, Point, round_points
from shared.events.codec import decode


def test_targets_take_turns() -> None:
    points = round_points([1, 16])
    assert len(points) == len(set(points)) == 12
    assert [point.target for point in points[:3]] == list(TARGETS)
    assert len({point[1:] for point in points[:3]}) == 1


def test_a_point_says_what_it_is() -> None:
    assert str(Point("proxy", 1, 0)) == "proxy, 1 caller, model answers at once"
    assert str(Point("direct", 16, 50)) == "direct, 16 callers, model answers in 50 ms"


def test_published_events_are_such_as_the_monitor_reads() -> None:
    published = inference_events(7, datetime.now(UTC))
    read = [decode(topic, event.headers("bench", None), event.encoded()) for topic, event in published]
    assert read == [event for _, event in published]
    assert len(read) == EVENTS_PER_INFERENCE
    assert len({event.subject for event in read}) == 1
