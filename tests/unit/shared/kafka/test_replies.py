from hypothesis import given
from hypothesis import strategies as st

from shared.events.topics import REPLIES
from shared.kafka.replies import partition_of


@given(st.text())
def test_an_instance_has_one_of_the_reply_partitions_and_always_the_same(instance: str) -> None:
    assert 0 <= partition_of(instance) < REPLIES.partitions
    assert partition_of(instance) == partition_of(instance)


def test_instances_spread_over_the_partitions() -> None:
    assert len({partition_of(f"gateway-{number}") for number in range(500)}) == REPLIES.partitions
