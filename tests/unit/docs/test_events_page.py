"""docs/events.md and the README show events that the code reads, and list every topic."""

import json
import re
from pathlib import Path

import pytest

from shared.events.codec import decode
from shared.events.topics import REQUESTS, TOPICS, Topic

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "events.md").read_text()


def test_the_smallest_event_of_the_readme_can_be_read() -> None:
    examples = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert examples
    for example in examples:
        assert decode(REQUESTS, [], example.encode()).subject == json.loads(example)["inference_id"]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_table_has_every_topic_with_its_partitions_events_writers_and_readers(topic: Topic) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{topic.name}` |"))
    assert f" {topic.partitions} |" in row
    assert all(f"`{kind.__name__}`" in row for kind in topic.events)
    *_, written_by, read_by, _ = row.split("|")
    assert all(writer in written_by for writer in topic.written_by)
    assert all(reader in read_by for reader in topic.read_by)
