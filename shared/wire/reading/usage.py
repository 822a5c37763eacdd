"""How many tokens a call took, out of every form in which endpoints say it.

Nothing here is taken for well-formed. What cannot be known is None, never 0.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from shared.wire.reading.values import list_or_empty, object_or_empty, whole_number

_Object = Mapping[str, Any]

# One count by its names: OpenAI and most; Anthropic and OpenAI's Responses; Gemini; Bedrock; Ollama; llama.cpp; TGI.
_INPUT = ("prompt_tokens", "input_tokens", "promptTokenCount", "prompt_token_count", "inputTokens", "prompt_eval_count",
          "tokens_evaluated")  # fmt: skip
_OUTPUT = ("completion_tokens", "output_tokens", "candidatesTokenCount", "candidates_token_count", "outputTokens",
           "eval_count", "tokens_predicted", "generated_tokens")  # fmt: skip
_TOTAL = ("total_tokens", "totalTokenCount", "total_token_count", "totalTokens")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "completion_token_details")
# Beside the counts above, also where a total says otherwise: Gemini.
_MORE_INPUT = ("toolUsePromptTokenCount", "tool_use_prompt_token_count")
_MORE_OUTPUT = ("thoughtsTokenCount", "thoughts_token_count")
_CACHE_READ = ("cached_tokens", "prompt_cache_hit_tokens", "cachedContentTokenCount", "cached_content_token_count",
               "num_cached_tokens", "cacheReadInputTokens", "cache_read_input_tokens", "cache_read_tokens")  # fmt: skip
_CACHE_WRITE = ("cache_write_tokens", "cache_creation_tokens", "cacheWriteInputTokens",
                "cache_creation_input_tokens")  # fmt: skip
_CACHE_MISS = "prompt_cache_miss_tokens"  # DeepSeek
_REASONING = ("reasoning_tokens",)
_NO_DETAILS: _Object = {}
# Anthropic and Bedrock count what was cached beside the input that they name so, everybody else within it.
_BESIDE = {"input_tokens": ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation"),
           "inputTokens": ("cacheReadInputTokens", "cacheWriteInputTokens")}  # fmt: skip
_AN_HOUR = ("ephemeral_1h_input_tokens",)
_ANY_TIME = ("ephemeral_5m_input_tokens", *_AN_HOUR)
_MOST_USD = 1e6  # of one call
_CHARACTERS_PER_TOKEN = 4
_ELSEWHERE = frozenset({"x_groq", "usageMetadata", "timings"})  # a chunk's members that may say the usage


class Usage(NamedTuple):
    """Tokens of one completion. None: the endpoint did not say, or nothing that can be booked.

    input_tokens: of the whole prompt, in every format; cache_read_tokens, cache_write_tokens and input_audio_tokens are
    among them. output_tokens: all that the model made; reasoning_tokens and output_audio_tokens are among them.
    cost_usd: what the endpoint says that the call costs. cache_write_1h_tokens: among cache_write_tokens, what stays
    in the cache for an hour.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cost_usd: float | None = None
    cache_write_1h_tokens: int = 0


NO_USAGE = Usage()


def usage_of(
    input_tokens: Any, output_tokens: Any, cache_read_tokens: Any = 0, cache_write_tokens: Any = 0,
    reasoning_tokens: Any = 0, input_audio_tokens: int = 0, output_audio_tokens: int = 0, cost_usd: float | None = None,
    cache_write_1h_tokens: int = 0,
) -> Usage:  # fmt: skip
    """As it can be booked: what is a part of the input or the output is never more than it, whatever the endpoint
    says."""
    prompt, made = whole_number(input_tokens), whole_number(output_tokens)
    read = _within(prompt, cache_read_tokens) if cache_read_tokens else 0
    written = _within((prompt or 0) - read, cache_write_tokens) if cache_write_tokens else 0
    return Usage(
        prompt,
        made,
        read,
        written,
        _within(made, reasoning_tokens) if reasoning_tokens else 0,
        _within(prompt, input_audio_tokens) if input_audio_tokens else 0,
        _within(made, output_audio_tokens) if output_audio_tokens else 0,
        cost_usd,
        min(cache_write_1h_tokens, written),
    )


def _within(whole: int | None, part: Any) -> int:
    return min(whole_number(part) or 0, whole or 0)


def usage_read(usage: Any) -> Usage:
    """Of what an endpoint calls its usage."""
    counts = object_or_empty(usage)
    if not counts:
        return NO_USAGE
    tokens = _Tokens(counts)
    return usage_of(
        *tokens.both(),
        tokens.cache_read,
        tokens.cache_write,
        tokens.reasoning,
        _audio(tokens.inputs, counts, "promptTokensDetails"),
        _audio(tokens.outputs, counts, "candidatesTokensDetails"),
        _cost(counts["cost"]) if "cost" in counts else None,
        _written_for(_AN_HOUR, counts),
    )


def usage_in(body: _Object) -> Usage:
    """Of a whole answer or a chunk of one, wherever its endpoint says it; the first place that says anything counts."""
    if type(said := body.get("usage")) is dict and said:  # nearly every answer
        usage = usage_read(_without_wrapping(said))
        if usage != NO_USAGE:
            return usage
    return next((usage for place in _places(body) if (usage := usage_read(place)) != NO_USAGE), NO_USAGE)


def says_usage(chunk: _Object, choices: list[dict[str, Any]]) -> bool:
    """Whether a chunk may say its stream's usage. Cheap: it is asked of every chunk."""
    if chunk.get("usage") or not _ELSEWHERE.isdisjoint(chunk):
        return True
    return len(choices) == 1 and "usage" in choices[0]


def is_counted(said: Usage, characters: int) -> bool:
    """Whether an endpoint counted an answer of so many characters. Some say 0 for what they did not count."""
    if not characters:
        return said.input_tokens is not None
    return bool(said.input_tokens and said.output_tokens)


def estimated(said: Usage, characters: int, prompt_tokens: Callable[[], int]) -> Usage:
    """What was not said, from characters. prompt_tokens: an estimate, which is made only when it is needed."""
    made = max(-(-characters // _CHARACTERS_PER_TOKEN), said.output_tokens or 0)
    return said._replace(input_tokens=said.input_tokens or prompt_tokens(), output_tokens=made)


def openai_usage(usage: Usage) -> dict[str, Any]:
    """As OpenAI's format has it, which cannot say that a count is unknown."""
    input_tokens, output_tokens = usage.input_tokens or 0, usage.output_tokens or 0
    told: dict[str, Any] = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
    }
    if usage.reasoning_tokens:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return told


class _Tokens:
    """The counts of one usage, still as its endpoint divides them."""

    def __init__(self, counts: _Object) -> None:
        self._counts = counts
        self.inputs, self.outputs = _details(counts, _INPUT_DETAILS), _details(counts, _OUTPUT_DETAILS)
        self._input_name, self._input = _named(counts, _INPUT)
        _, self._output = _named(counts, _OUTPUT)
        _, self._total = _named(counts, _TOTAL)
        _, self._more_input = _named(counts, _MORE_INPUT)
        _, self._more_output = _named(counts, _MORE_OUTPUT)
        self.cache_read = _first_count(self.inputs, counts, _CACHE_READ)
        self.cache_write = _first_count(self.inputs, counts, _CACHE_WRITE) or _written_for(_ANY_TIME, counts)
        self.reasoning = self._more_output or _first_count(self.outputs, counts, _REASONING)

    def both(self) -> tuple[int | None, int | None]:
        """All of the input, and all of the output. What a total says beyond both is output: some count what a model
        thinks beside its completion."""
        prompt, made, total = self._prompt(), self._made(), self._total
        if total is None:
            return prompt, made
        if prompt is not None and made is not None:
            return prompt, max(made, total - prompt)
        if prompt is not None:
            return prompt, total - prompt if total >= prompt else None
        if made is not None and total >= made:
            return total - made, made
        return prompt, made

    def _prompt(self) -> int | None:
        if self._input is None:
            miss = whole_number(self._counts.get(_CACHE_MISS))
            return None if miss is None else miss + self.cache_read
        cached = self.cache_read + self.cache_write
        if cached and (self._names_it_beside(cached) or self._is_beside_by_total(cached)):
            return self._input + cached
        return self._input + (self._more_input or 0)

    def _names_it_beside(self, cached: int) -> bool:
        if self.inputs or not (self._input_name in _BESIDE or cached > (self._input or 0)):
            return False
        return any(map(self._counts.get, _BESIDE.get(self._input_name, _BESIDE["input_tokens"])))

    def _is_beside_by_total(self, cached: int) -> bool:
        """More is cached than the input has, and the total is the sum of all."""
        return cached > (self._input or 0) and self._total == (self._input or 0) + (self._output or 0) + cached

    def _made(self) -> int | None:
        """Reasoning is within the completion, unless it is more than that and no total says otherwise."""
        if self._output is None:
            return self._more_output
        if self._more_output is not None:
            return self._output + self._more_output
        if self._total is None and self.reasoning > self._output:
            return self._output + self.reasoning
        return self._output


def _without_wrapping(usage: _Object) -> _Object:
    """Cohere says what it charges, and beside it what the model read and made."""
    for name in ("billed_units", "tokens"):
        if isinstance(wrapped := usage.get(name), dict) and wrapped:
            return wrapped
    return usage


def _places(body: _Object) -> Iterator[Any]:
    """Where else than in `usage`: Groq's streams, Gemini, the choice of Moonshot's streams, Cohere, a beginning of
    Anthropic's streams, llama.cpp, Ollama."""
    yield object_or_empty(body.get("x_groq")).get("usage")
    yield body.get("usageMetadata") or body.get("usage_metadata")
    for choice in list_or_empty(body.get("choices"))[:1]:
        yield object_or_empty(choice).get("usage")
    yield _without_wrapping(object_or_empty(body.get("meta")))
    yield object_or_empty(body.get("message")).get("usage")
    yield _timed(object_or_empty(body.get("timings")))
    yield {name: body[name] for name in ("prompt_eval_count", "eval_count") if name in body}


def _timed(timings: _Object) -> _Object:
    """llama.cpp counts what it had cached beside the rest."""
    read, cached, made = (whole_number(timings.get(name)) for name in ("prompt_n", "cache_n", "predicted_n"))
    if read is None and made is None:
        return {}
    prompt = None if read is None else read + (cached or 0)
    return {"prompt_tokens": prompt, "completion_tokens": made, "cached_tokens": cached}


def _named(counts: _Object, names: Iterable[str]) -> tuple[str, int | None]:
    """The first name under which there is a count."""
    for name in names:
        if name in counts and (count := whole_number(counts[name])) is not None:
            return name, count
    return "", None


def _first_count(details: _Object, counts: _Object, names: Iterable[str]) -> int:
    for place in (details, counts):
        for name in names if place else ():
            if name in place and (count := whole_number(place[name])):
                return count
    return 0


def _details(counts: _Object, names: Iterable[str]) -> _Object:
    for name in names:
        if name in counts and isinstance(details := counts[name], dict):
            return details
    return _NO_DETAILS


def _written_for(times: Iterable[str], counts: _Object) -> int:
    """Anthropic, by how long it stays in the cache."""
    if "cache_creation" not in counts:
        return 0
    by_time = object_or_empty(counts["cache_creation"])
    return sum(whole_number(by_time.get(time)) or 0 for time in times)


def _audio(details: _Object, counts: _Object, by_modality: str) -> int:
    if details and (said := whole_number(details.get("audio_tokens"))) is not None:
        return said
    if by_modality not in counts:
        return 0
    modalities = map(object_or_empty, list_or_empty(counts.get(by_modality))[:20])
    return sum(whole_number(item.get("tokenCount")) or 0 for item in modalities if item.get("modality") == "AUDIO")


def _cost(cost: Any) -> float | None:
    """OpenRouter says a number, Perplexity an object."""
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        return None
    return float(cost) if 0 <= cost <= _MOST_USD else None
