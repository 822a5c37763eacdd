from collections import Counter
from datetime import UTC, datetime

import pytest

from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import MAX_RECORD_BYTES, REQUESTS, TOPICS
from tests.chaos.upstream_records import ONLY_UPSTREAM, REQUEST_PARTITIONS, UpstreamRecord, good_request, odd_records
from tests.support.raw_records import batch_of

NOW = datetime.now(UTC)  # a deadline without an acceptance is held against the clock
ODD = {record.name: record for record in odd_records("tenant", NOW)}


def readable(record: UpstreamRecord) -> bool:
    topic = next(topic for topic in TOPICS if topic.name == record.topic)
    headers = [(str(name), value) for name, value in record.headers]
    try:
        decode(topic, headers, record.value)
    except UnreadableMessageError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(ODD))
def test_what_can_be_read_is_settled_and_all_else_is_a_dead_letter(name: str) -> None:
    assert readable(ODD[name]) == (ODD[name].ends == "settled")
    assert (ODD[name].inference_id is not None) == (ODD[name].ends == "settled")


def test_each_has_a_name_of_its_own_and_the_broker_would_take_it() -> None:
    records = odd_records("tenant", NOW)
    assert Counter(record.name for record in records).most_common(1)[0][1] == 1
    sizes = [len(batch_of(one.key, one.value, one.headers, one.timestamp_ms or 0)) for one in records]
    assert 5_000_000 < max(sizes) <= MAX_RECORD_BYTES
    assert {one.partition for one in records if one.topic == REQUESTS.name} == set(range(REQUEST_PARTITIONS))


def test_good_requests_go_where_our_own_publishers_do_not() -> None:
    records = [good_request("tenant", number, NOW) for number in range(8)]
    assert {record.partition for record in records} == set(ONLY_UPSTREAM) == {8, 9, 10, 11}
    assert all(readable(record) for record in records)
