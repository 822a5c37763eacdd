"""What the Anthropic wire format says in its own words, in ours: why an answer ended, and what it cost in tokens."""

from typing import Any

from shared.wire.reading.completions import Usage, text_or_none, usage_read

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason(stop_reason: Any) -> str:
    return _FINISH_REASONS.get(text_or_none(stop_reason) or "", "stop")


def usage_in_all(usage: dict[str, Any]) -> Usage:
    """The format counts what was cached beside its input_tokens, and ours within them."""
    return usage_read(usage)
