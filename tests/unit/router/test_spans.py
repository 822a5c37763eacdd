"""Attributes of spans, by the names of OpenTelemetry's GenAI conventions."""

from services.router import spans
from shared.wire.reading.completions import CompletionRead
from shared.wire.reading.usage import Usage


def test_what_was_thought_heard_and_said_is_on_the_span() -> None:
    usage = Usage(9, 8, reasoning_tokens=5, input_audio_tokens=4, output_audio_tokens=0)
    said = spans.completion_attributes(CompletionRead(usage=usage))
    assert said["gen_ai.usage.reasoning.output_tokens"] == 5
    assert said["gen_ai.usage.audio.input_tokens"] == 4
    assert said["gen_ai.usage.audio.output_tokens"] is None
