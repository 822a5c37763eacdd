"""Attributes of spans, by the names of OpenTelemetry's GenAI conventions."""

from dataclasses import replace

from services.router import spans
from services.router.work import Source
from shared.events.topics import BULK_REQUESTS, request_partition
from shared.wire.reading.completions import CompletionRead
from shared.wire.reading.usage import Usage
from tests.unit.router.values import model, work


def test_what_was_thought_heard_and_said_is_on_the_span() -> None:
    usage = Usage(9, 8, reasoning_tokens=5, input_audio_tokens=4, output_audio_tokens=0)
    said = spans.completion_attributes(CompletionRead(usage=usage))
    assert said["gen_ai.usage.reasoning.output_tokens"] == 5
    assert said["gen_ai.usage.audio.input_tokens"] == 4
    assert said["gen_ai.usage.audio.output_tokens"] is None


def test_work_is_of_the_topic_that_it_came_from() -> None:
    bulk = replace(work(model()), source=Source(request_partition(BULK_REQUESTS.name, 3), 42))
    said = spans.work_attributes(bulk)
    place = [said[f"messaging.{name}"] for name in ("destination.name", "destination.partition.id", "kafka.offset")]
    assert (spans.work_name(bulk), place) == ("process inference.bulk.v1", ["inference.bulk.v1", "3", 42])
