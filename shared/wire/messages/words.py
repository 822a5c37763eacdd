"""What OpenAI's chat form says in its own words, in those of Anthropic's messages."""

from typing import Any

from shared.wire.reading.completions import Usage

# Of thoughts that no Anthropic model had: the form wants a signature, and an Anthropic endpoint refuses one that is not
# its own.
SIGNATURE = "tallygate:reasoning_content"

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def ending(choice: dict[str, Any], *, calls: bool, refuses: bool) -> dict[str, Any]:
    """Why a message ended. choice: as it ended. calls, refuses: what it holds."""
    finish = choice.get("finish_reason")
    reason = _STOP_REASONS.get(finish, "end_turn") if isinstance(finish, str) else "end_turn"
    if reason == "end_turn":
        if calls:  # some servers say `stop` then, too
            reason = "tool_use"
        elif refuses:
            reason = "refusal"
    matched = None
    if reason == "end_turn":
        matched = next(
            (text for name in ("stop_reason", "matched_stop") if isinstance(text := choice.get(name), str)), None
        )
    return {"stop_reason": "stop_sequence" if matched else reason, "stop_sequence": matched or None}


def message_usage(usage: Usage) -> dict[str, Any]:
    """As the form has it: what was cached beside its input_tokens. It cannot say that a count is unknown."""
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    return {
        "input_tokens": max(0, (usage.input_tokens or 0) - cached),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens or 0,
    }
