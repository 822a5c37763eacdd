import re

import pytest

from shared.events import Event
from shared.events.topics import (
    ATTEMPTS,
    CANCELLATIONS,
    FEATURE_CANCELLATIONS,
    FEATURE_WORKERS,
    HEARTBEATS,
    MAX_RECORD_BYTES,
    MODEL_HEALTH,
    OUTCOMES,
    REPLIES,
    REQUESTS,
    SEALS,
    SPENDING,
    TOPICS,
    Topic,
    wanted_topics,
)

DAY_MS = 86_400_000
WITHOUT_A_GROUP = (
    REPLIES, CANCELLATIONS, HEARTBEATS, MODEL_HEALTH, SPENDING, SEALS, FEATURE_CANCELLATIONS, FEATURE_WORKERS,
)  # fmt: skip
KINDS = [kind for topic in TOPICS for kind in topic.events]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_topics_are_versioned(topic: Topic) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+\.v1", topic.name)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_dead_letter_topic_is_named_after_its_topic(topic: Topic) -> None:
    assert topic.dlq == f"{topic.name}.dlq"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_says_who_writes_and_reads_it(topic: Topic) -> None:
    assert topic.written_by
    assert topic.read_by


@pytest.mark.parametrize(
    ("topic", "retention_ms"),
    [(REQUESTS, DAY_MS), (ATTEMPTS, 30 * DAY_MS), (OUTCOMES, 30 * DAY_MS), (REPLIES, 600_000)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_topics_are_kept_as_long_as_promised(topic: Topic, retention_ms: int) -> None:
    assert topic.retention_ms == retention_ms


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_event_types_are_ours_and_versioned(kind: type[Event]) -> None:
    assert re.fullmatch(r"tallygate\.[a-z]+\.[a-z_]+\.v1", kind.ce_type)


def test_no_two_events_share_a_type() -> None:
    kinds = set(KINDS)
    assert len({kind.ce_type for kind in kinds}) == len(kinds)


def test_every_topic_is_wanted_once_with_a_dead_letter_topic_where_a_group_reads() -> None:
    wanted = [one.name for one in wanted_topics()]
    assert len(wanted) == len(set(wanted))
    expected = {topic.name for topic in TOPICS} | {topic.dlq for topic in TOPICS if topic not in WITHOUT_A_GROUP}
    assert set(wanted) == expected


def test_a_topic_is_wanted_with_its_partitions_retention_and_record_size() -> None:
    wanted = {one.name: one for one in wanted_topics()}["inference.replies.v1"]
    assert wanted.partitions == 64
    assert dict(wanted.config) == {
        "cleanup.policy": "delete",
        "retention.ms": "600000",
        "max.message.bytes": str(MAX_RECORD_BYTES),
    }


def test_dead_letters_are_kept_for_two_weeks_whatever_their_topic() -> None:
    dead = [one for one in wanted_topics() if one.name.endswith(".dlq")]
    assert dead
    assert {(one.partitions, dict(one.config)["retention.ms"]) for one in dead} == {(1, str(14 * DAY_MS))}
