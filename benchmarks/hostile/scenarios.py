"""What the hostile tenant does, one thing after the other, and what the endpoints answer it."""

from typing import Any, NamedTuple

HONEST_MODEL = "steady"
HONEST_CALLERS = 4
HONEST_ANSWER_S = 0.05

LARGE = 3_000_000
FAILING_MODELS = 20  # which fail one after the other for each request
TOKEN_LIKE = "eyJaaaa-" * 8192  # 64 KB that begins like a JSON web token again and again


class Scenario(NamedTuple):
    """callers: at a time. model: what is asked; none: the monitoring summary is. prompt: its characters.

    lingers_s: how long after the last call something of it may go on.
    """

    name: str
    title: str
    callers: int = 0
    model: str | None = "fast"
    prompt: int = 10
    lingers_s: float = 1.0


SCENARIOS = (
    Scenario("flood", "a flood of 64 callers", callers=64),
    Scenario("hang", "200 calls that hang", callers=200, model="hang", lingers_s=12.0),
    Scenario("answers", "answers of 3 MB, 8 callers", callers=8, model="large"),
    Scenario("prompts", "prompts of 3 MB, 8 callers", callers=8, prompt=LARGE),
    Scenario("queries", "six 30-day monitoring queries at a time", callers=6, model=None),
    Scenario("errors", "errors of 64 KB, 40 callers, 20 models", callers=40, model="auto"),
)
# For each scenario, the endpoint's behaviours that its models lead to.
BEHAVIOURS = ("fast", "hang", "large", "tokens")


def completion(content: str) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
