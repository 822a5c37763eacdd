"""Whatever lies on a topic, the good event behind it is handled, and each hostile one has an end that can be seen."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shared.events import Event, InferenceRequested, utc_now
from shared.events.topics import FEATURE_CANCELLATIONS, MAX_RECORD_BYTES, REPLIES, TOPICS, Topic
from shared.kafka.local import LocalBroker
from shared.kafka.settings import KafkaSettings
from tests.histories.database import TENANT
from tests.support.virtual_time import run_virtually
from tests.unit.hostile.benches import BENCHES
from tests.unit.hostile.messages import Message, ce_type_of, golden, messages, new_ids, sweep

_KINDS = [(topic, kind) for topic in TOPICS for kind in topic.events if topic is not FEATURE_CANCELLATIONS]
_SETTINGS = KafkaSettings.model_construct(bootstrap_servers="local", dead_letters_per_minute=10**6)
_WITHIN_S = 900.0  # recovery listens for 10 s before it believes in a silence
_FEW = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def good_fields(kind: type[Event]) -> dict[str, Any]:
    fields = golden(kind, utc_now()) | {"tenant_id": TENANT}
    if kind is InferenceRequested:
        body = {"messages": [{"role": "user", "content": "hi"}]}
        fields |= {"input": body, "sealed_input": None, "request_model": None, "deadline_at": None}
    return fields


def good_event(kind: type[Event]) -> Event:
    fields = good_fields(kind)
    return kind.model_validate(fields | new_ids(fields))


async def _read_behind(topic: Topic, kind: type[Event], hostile: list[Message]) -> list[str]:
    """Errors that were logged, when the good event behind the hostile ones was handled."""
    broker, good = LocalBroker(settings=_SETTINGS), good_event(kind)
    log = broker.cluster.log(TopicPartition(topic.name, 0))
    with capture_logs() as logs:
        async with BENCHES[topic](broker, topic, good) as is_done:
            for message in hostile:
                key = good.key if topic is REPLIES else message.key
                log.append(key, message.value, message.headers, message.timestamp_ms)
            log.append(good.key, good.encoded(), [ce_type_of(kind)], 0)
            async with asyncio.timeout(_WITHIN_S):
                while not is_done():
                    assert not broker.stopped
                    await asyncio.sleep(0.25)
    return [f"{entry['event']}: {entry.get('exc_info')}" for entry in logs if entry["log_level"] == "error"]


def _ids(value: object) -> str | None:
    return value.ce_type if isinstance(value, type) and issubclass(value, Event) else getattr(value, "name", None)


@pytest.mark.parametrize(("topic", "kind"), _KINDS, ids=_ids)
def test_no_value_of_any_field_keeps_the_good_event_behind_it(topic: Topic, kind: type[Event]) -> None:
    assert run_virtually(_read_behind(topic, kind, sweep(kind, good_fields(kind)))) == []


@pytest.mark.parametrize(("topic", "kind"), _KINDS, ids=_ids)
@_FEW
@given(data=st.data())
def test_the_good_event_behind_mixed_ones_is_handled(topic: Topic, kind: type[Event], data: st.DataObject) -> None:
    hostile = data.draw(st.lists(messages(topic, kind, good_fields(kind)), min_size=1, max_size=12))

    assert run_virtually(_read_behind(topic, kind, hostile)) == []


@pytest.mark.parametrize(("topic", "kind"), _KINDS, ids=_ids)
def test_so_is_the_one_behind_the_largest_record_that_a_broker_takes(topic: Topic, kind: type[Event]) -> None:
    header = ce_type_of(kind)
    bodies = [b"x", b"[", b'{"a":', b'"\\ud800']
    hostile = [
        Message(b"k", (body * (MAX_RECORD_BYTES // len(body)))[: MAX_RECORD_BYTES - 1000], (header,), 0)
        for body in bodies
    ]

    assert run_virtually(_read_behind(topic, kind, hostile)) == []


def test_every_topic_that_is_read_has_its_real_reader_here() -> None:
    assert {topic for topic, _ in _KINDS} == BENCHES.keys()
