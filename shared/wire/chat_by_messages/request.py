"""A chat body as a request to an Anthropic endpoint. What becomes of each field stands in `chat_fields.py`."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from shared.wire.chat_by_messages.asked import Object, member, objects
from shared.wire.chat_by_messages.chat_fields import CHAT
from shared.wire.chat_by_messages.conversation import Conversation, as_sent
from shared.wire.chat_by_messages.tools import tools_of
from shared.wire.reading.completions import object_or_empty
from shared.wire.requests import UntranslatableError, with_defaults, written

# The format wants the field. Models from Claude 4 on write so much at least; of others, the least is known.
_MAX_TOKENS, _MAX_TOKENS_CLAUDE_4 = 4096, 32_000
_CLAUDE_4 = re.compile(r"claude-(?:[a-z]+-)?(?:[4-9]|\d\d)(?!\d)")
# Claude up to 4.5 thinks within a budget, later ones as much as the effort says.
_BUDGETED = re.compile(r"claude-(?:3-7|(?:opus|sonnet|haiku)-4(?:[-.][0-5])?(?!\d|[-.]\d(?!\d)))")
_EFFORTS = {"none": "none", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh",
            "max": "max"}  # fmt: skip
_BUDGETS = {"low": 2048, "medium": 8192, "high": 24_576, "xhigh": 32_000, "max": 48_000}  # tokens of thinking
_LEAST_BUDGET = 1024
_FOR_THINKING = 0.8  # of what an answer may have, at most
_MAX_USER = 256  # characters
_TIERS = {"auto": None, "default": "standard_only", "standard_only": "standard_only"}
_NO_SCHEMAS = ("const", "default", "enum", "examples")


def request_body(model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> Object:
    """Raises UntranslatableError."""
    asked = with_defaults(model, defaults, body)
    # What the model is configured with is taken as it is where it is no field of the chat form.
    configured = {name: asked[name] for name in defaults if name in asked and not CHAT.knows("body", name)}
    asked = {name: value for name, value in asked.items() if name not in configured}
    conversation = _conversation(asked)
    out = configured | CHAT.same("body", asked)
    out |= _sampling(model, asked) | _stop(asked) | _service_tier(asked) | _metadata(defaults, asked)
    out |= _effort(model, asked) | tools_of(asked, conversation.called)
    if system := _system(asked.get("system"), conversation.system):
        out["system"] = system
    return out | {"messages": [as_sent(turn) for turn in conversation.turns]}


def _conversation(asked: Object) -> Conversation:
    conversation = Conversation()
    for message, at in objects(asked.get("messages"), "messages"):
        conversation.add(message, at)
    conversation.end()
    return conversation


def _system(own: Any, said: list[list[Object]]) -> Any:
    """One text, or blocks where one of them has more than text, such as a cache's breakpoint."""
    if not said:
        return own
    if own is None or isinstance(own, str):
        own = [{"type": "text", "text": own}] if own else []
    if not isinstance(own, list):
        raise UntranslatableError("system", "must be a string or a list of blocks")
    blocks = [*own, *(block for message in said for block in message)]
    if not all(_is_plain(block) for block in blocks):
        return blocks
    messages = [*([own] if own else []), *said]
    return "\n\n".join("\n".join(block["text"] for block in message) for message in messages)


def _is_plain(block: Any) -> bool:
    return isinstance(block, dict) and block.keys() == {"type", "text"} and isinstance(block["text"], str)


def _sampling(model: str, asked: Object) -> Object:
    """Some models of Claude's take one of the two only, and later ones neither: 1, the default of both, is not sent."""
    temperature = asked.get("temperature")
    if isinstance(temperature, int | float) and temperature > 1:
        raise UntranslatableError("temperature", "must be between 0 and 1 for an Anthropic endpoint")
    default = 1 if "claude" in model else None
    given = {name: asked.get(name) for name in ("temperature", "top_p")}
    return {name: value for name, value in given.items() if value is not None and value != default}


def _stop(asked: Object) -> Object:
    sequences: list[str] = []
    for name in ("stop_sequences", "stop"):
        given = asked.get(name)
        given = [given] if isinstance(given, str) else [] if given is None else given
        if not isinstance(given, list) or not all(isinstance(sequence, str) for sequence in given):
            raise UntranslatableError(name, "must be a string or a list of strings")
        for n, sequence in enumerate(given):
            if sequence and not sequence.strip():
                raise UntranslatableError(
                    f"{name}[{n}]", "is whitespace only, at which an Anthropic endpoint cannot stop"
                )
        sequences += filter(None, given)
    return {"stop_sequences": sequences} if sequences else {}


def _service_tier(asked: Object) -> Object:
    tier = asked.get("service_tier")
    if tier is None:
        return {}
    if not isinstance(tier, str) or tier not in _TIERS:
        raise UntranslatableError("service_tier", "must be auto, default or standard_only for an Anthropic endpoint")
    return {"service_tier": _TIERS[tier]} if _TIERS[tier] else {}


def _metadata(defaults: Mapping[str, Any], asked: Object) -> Object:
    """The end user's id. What the model is configured with stays beside it."""
    configured = object_or_empty(defaults.get("metadata"))
    own = object_or_empty(asked.get("metadata")).get("user_id")
    user = asked.get("safety_identifier") or asked.get("user") or own
    if isinstance(user, str) and len(user) > _MAX_USER:
        raise UntranslatableError("user", f"is longer than {_MAX_USER} characters, the most for an Anthropic endpoint")
    metadata = {**configured, "user_id": user} if user else configured
    return {"metadata": metadata} if metadata else {}


def _effort(model: str, asked: Object) -> Object:
    """How much the model may write and think, and in which form it answers: the fields depend on each other."""
    effort = _known_effort(asked.get("reasoning_effort"))
    budgeted = _BUDGETED.search(model) is not None
    limit = _limit(model, asked, _BUDGETS.get(effort or "") if budgeted else None)
    config = _format(asked.get("response_format"))
    if effort in _BUDGETS and not budgeted:
        config["effort"] = effort
    config |= object_or_empty(asked.get("output_config"))
    thinking = {} if effort is None or asked.get("thinking") is not None else _thinking(model, effort, budgeted, limit)
    named = {"thinking": thinking, "output_config": config}
    return {"max_tokens": limit} | {name: value for name, value in named.items() if value}


def _known_effort(effort: Any) -> str | None:
    """In Anthropic's word, or `none`; None: nothing was asked."""
    if effort is None:
        return None
    if not isinstance(effort, str) or effort not in _EFFORTS:
        raise UntranslatableError("reasoning_effort", f"must be one of {', '.join(_EFFORTS)}")
    return _EFFORTS[effort]


def _thinking(model: str, effort: str, budgeted: bool, limit: Any) -> Object:
    if effort == "none":
        return {"type": "disabled"}
    if budgeted:
        return _budgeted(_BUDGETS[effort], limit)
    return {"type": "adaptive"} if "claude" in model else {}  # others of the format know the effort alone


def _limit(model: str, asked: Object, budget: int | None) -> Any:
    """Tokens of the answer, thoughts included. budget: of thoughts, as the effort has it."""
    if limit := asked.get("max_completion_tokens") or asked.get("max_tokens"):
        return limit
    own_budget = object_or_empty(asked.get("thinking")).get("budget_tokens")
    least = _limit_for(budget if own_budget is None else own_budget)
    return max(_MAX_TOKENS_CLAUDE_4 if _CLAUDE_4.search(model) else _MAX_TOKENS, least)


def _limit_for(budget: Any) -> int:
    """Of an answer that is to have room beside so many tokens of thinking."""
    return int(budget / _FOR_THINKING) if isinstance(budget, int) else 0


def _budgeted(budget: int, limit: Any) -> Object:
    """OpenAI's limit counts thoughts, too, and so does Anthropic's."""
    most = int(limit * _FOR_THINKING) if isinstance(limit, int | float) else budget
    if most < _LEAST_BUDGET:
        least = int(_LEAST_BUDGET / _FOR_THINKING)
        raise UntranslatableError(
            "reasoning_effort", f"needs `max_completion_tokens` of at least {least} at this model"
        )
    return {"type": "enabled", "budget_tokens": min(budget, most)}


def _format(response_format: Any) -> Object:
    if response_format is None:
        return {}
    if not isinstance(response_format, dict):
        raise UntranslatableError("response_format", "must be an object")
    match response_format.get("type"):
        case "text":
            return {}
        case "json_schema":
            CHAT.same("response_format", response_format, "response_format")
            return {"format": {"type": "json_schema", "schema": _schema(response_format)}}
        case "json_object":
            raise UntranslatableError("response_format", "must be a json_schema for an Anthropic endpoint")
    raise UntranslatableError("response_format.type", "must be text or json_schema")


def _schema(response_format: Object) -> Object:
    asked, at = member(response_format, "json_schema", "response_format"), "response_format.json_schema"
    CHAT.same("json_schema", asked, at)
    schema = member(asked, "schema", at)
    described = {"description": asked["description"]} if asked.get("description") else {}
    return _closed({**described, **schema})


def _closed(schema: Object) -> Object:
    """The endpoint takes no object that may have more properties than it names: without them, an answer is one of the
    schema that was asked for, too."""
    closed: Object = orjson.loads(written(schema))
    waiting: list[Any] = [closed]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.get("type") == "object":
                part.setdefault("additionalProperties", False)
            waiting += [value for name, value in part.items() if name not in _NO_SCHEMAS]
        elif isinstance(part, list):
            waiting += part
    return closed
