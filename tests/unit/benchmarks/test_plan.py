"""Order of the points, the endpoint's models, and the events of the booking benchmark."""

from datetime import UTC, datetime

import pytest

from benchmarks.book_events import EVENTS_PER_INFERENCE, inference_events
from benchmarks.endpoint.behaviour import AT_ONCE, Behaviour, stream_model
from benchmarks.plan import Point, round_points
from shared.events.codec import decode

TARGETS = ("direct", "proxy", "tallygate")


def test_targets_take_turns() -> None:
    points = round_points(TARGETS, [1, 16])
    assert len(points) == len(set(points)) == 12
    assert [point.target for point in points[:3]] == list(TARGETS)
    assert len({point[1:] for point in points[:3]}) == 1


def test_a_point_says_what_it_is() -> None:
    assert str(Point("proxy", 1, 0)) == "proxy, 1 caller, model answers at once"
    assert str(Point("direct", 16, 50)) == "direct, 16 callers, model answers in 50 ms"


def test_a_model_says_how_it_answers() -> None:
    assert Behaviour.of(AT_ONCE) == Behaviour()
    assert Behaviour.of("after-50") == Behaviour(0.05)
    assert Behaviour.of(stream_model(50, 500, 25)) == Behaviour(0.05, 500, 25)
    with pytest.raises(ValueError, match="demo"):
        Behaviour.of("demo")


def test_published_events_are_such_as_the_monitor_reads() -> None:
    published = inference_events(7, datetime.now(UTC))
    read = [decode(topic, event.headers("bench", None), event.encoded()) for topic, event in published]
    assert read == [event for _, event in published]
    assert sum(len(event.facts) for event in read) == EVENTS_PER_INFERENCE
    assert len({event.subject for event in read}) == 1
