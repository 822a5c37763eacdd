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
_REASONING = ("reasoning_tokens",)
_CACHE_MISS = "prompt_cache_miss_tokens"  # DeepSeek
# Anthropic and Bedrock count what was cached beside the input that they name so, everybody else within it.
_BESIDE = {"input_tokens": ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation"),
           "inputTokens": ("cacheReadInputTokens", "cacheWriteInputTokens")}  # fmt: skip
_NOTHING: _Object = {}
_MOST_USD = 1e6  # of one call
_CHARACTERS_PER_TOKEN = 4
_ELSEWHERE = frozenset({"x_groq", "usageMetadata", "timings"})  # a chunk's members that may say the usage


class Usage(NamedTuple):
    """Tokens of one completion. None: the endpoint did not say, or nothing that can be booked.

    input_tokens: of the whole prompt, in every format; cache_read_tokens, cache_write_tokens and input_audio_tokens are
    among them. output_tokens: all that the model made; reasoning_tokens and output_audio_tokens are among them.
    cost_usd: what the endpoint says that the call costs.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cost_usd: float | None = None


NO_USAGE = Usage()


def usage_of(
    input_tokens: Any, output_tokens: Any, cache_read_tokens: Any = 0, cache_write_tokens: Any = 0,
    reasoning_tokens: Any = 0,
) -> Usage:  # fmt: skip
    """As it can be booked: what is a part of the input or the output is never more than it, whatever the endpoint
    says."""
    prompt, made = whole_number(input_tokens), whole_number(output_tokens)
    read = min(whole_number(cache_read_tokens) or 0, prompt or 0)
    written = min(whole_number(cache_write_tokens) or 0, (prompt or 0) - read)
    return Usage(prompt, made, read, written, min(whole_number(reasoning_tokens) or 0, made or 0))


def usage_read(usage: Any) -> Usage:
    """Of what an endpoint calls its usage."""
    counts = object_or_empty(usage)
    if not counts:
        return NO_USAGE
    tokens = _Tokens(counts)
    prompt, made = tokens.both()
    read = usage_of(prompt, made, tokens.cache_read, tokens.cache_write, tokens.reasoning)
    heard, spoken, cost = tokens.input_audio, tokens.output_audio, _cost(counts.get("cost"))
    if not heard and not spoken and cost is None:
        return read
    return read._replace(
        input_audio_tokens=min(heard, read.input_tokens or 0),
        output_audio_tokens=min(spoken, read.output_tokens or 0),
        cost_usd=cost,
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
        inputs, outputs = _details(counts, _INPUT_DETAILS), _details(counts, _OUTPUT_DETAILS)
        self._input_name, self._input = _named(counts, _INPUT)
        _, self._output = _named(counts, _OUTPUT)
        _, self._total = _named(counts, _TOTAL)
        _, self._more_input = _named(counts, _MORE_INPUT)
        _, self._more_output = _named(counts, _MORE_OUTPUT)
        self._miss = whole_number(counts.get(_CACHE_MISS))
        self.cache_read = _first_count(inputs, _CACHE_READ) or _first_count(counts, _CACHE_READ)
        self.cache_write = _first_count(inputs, _CACHE_WRITE) or _first_count(counts, _CACHE_WRITE)
        self.cache_write = self.cache_write or _written_by_age(counts)
        self.reasoning = self._more_output or _first_count(outputs, _REASONING) or _first_count(counts, _REASONING)
        self.input_audio = _audio(inputs, counts.get("promptTokensDetails"))
        self.output_audio = _audio(outputs, counts.get("candidatesTokensDetails"))
        named_so = any(counts.get(name) for name in _BESIDE.get(self._input_name, _BESIDE["input_tokens"]))
        more_than_all = self.cache_read + self.cache_write > (self._input or 0)
        self._cached_beside = named_so and not inputs and (self._input_name in _BESIDE or more_than_all)

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
        cached = self.cache_read + self.cache_write
        if self._input is None:
            return None if self._miss is None else self._miss + self.cache_read
        if self._cached_beside or (self._total is not None and self._is_beside_by_total(cached)):
            return self._input + cached
        return self._input + (self._more_input or 0)

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


def _first_count(place: _Object, names: Iterable[str]) -> int:
    """The first that is more than 0."""
    for name in names:
        if name in place and (count := whole_number(place[name])):
            return count
    return 0


def _details(counts: _Object, names: Iterable[str]) -> _Object:
    for name in names:
        if isinstance(details := counts.get(name), dict):
            return details
    return _NOTHING


def _written_by_age(counts: _Object) -> int:
    """Anthropic, by how long it stays in the cache."""
    by_age = object_or_empty(counts.get("cache_creation"))
    ages = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    return sum(whole_number(by_age.get(age)) or 0 for age in ages) if by_age else 0


def _audio(details: _Object, by_modality: Any) -> int:
    said = whole_number(details.get("audio_tokens")) if details else None
    if said is not None:
        return said
    if not by_modality:
        return 0
    modalities = (object_or_empty(item) for item in list_or_empty(by_modality)[:20])
    return sum(whole_number(item.get("tokenCount")) or 0 for item in modalities if item.get("modality") == "AUDIO")


def _cost(cost: Any) -> float | None:
    """OpenRouter says a number, Perplexity an object."""
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        return None
    return float(cost) if 0 <= cost <= _MOST_USD else None
