"""Values that an endpoint may send. `wild` is how often anything is something else than it should be."""

import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# In every text that a model makes, so that it can be seen where it gets to.
SAID = "opensesame"

_Object = dict[str, Any]


class Event(NamedTuple):
    """Of a stream. data: JSON, or bytes that go out as they are."""

    name: str
    data: Any


class Grammar:
    def __init__(self, rng: random.Random, wild: float) -> None:
        self._rng = rng
        self._wild = wild

    # What anything may be.

    def one_of(self, *kinds: Callable[[], Any]) -> Any:
        return self._rng.choice(kinds)()

    def often(self, likely: float) -> bool:
        return self._rng.random() < likely

    def junk(self, depth: int = 3) -> Any:
        rng = self._rng
        kinds: list[Callable[[], Any]] = [
            lambda: None,
            lambda: rng.choice([True, False]),
            lambda: rng.choice(_NUMBERS),
            lambda: rng.choice(_TEXTS),
        ]
        if depth:
            kinds.append(lambda: [self.junk(depth - 1) for _ in range(rng.randrange(4))])
            kinds.append(lambda: {rng.choice(_NAMES): self.junk(depth - 1) for _ in range(rng.randrange(5))})
        return rng.choice(kinds)()

    def deep(self) -> Any:
        value: Any = self.junk(1)
        for _ in range(self._rng.choice([10, 300, 900])):
            value = [value] if self.often(0.5) else {"a": value}
        return value

    def maybe(self, value: Any) -> Any:
        if not self.often(self._wild):
            return value
        return self.deep() if self.often(0.02) else self.junk()

    def made(self, members: _Object, extra: float = 0.3) -> _Object:
        """With members that are missing, other ones and more, as often as the grammar is wild."""
        kept = {name: self.maybe(value) for name, value in members.items() if not self.often(self._wild)}
        if self.often(self._wild * extra):
            kept[self._rng.choice(_NAMES)] = self.junk()
        return kept

    # Texts and parts.

    def text(self) -> str:
        words = ["hello", SAID, "\n\n", "ä", "\U0001f600", "</think>", "```py\nx\n```", "{", "error 500", ""]
        return " ".join([SAID, *self._rng.choices(words, k=self._rng.randrange(8))])

    def thought(self) -> str:
        mark, end = self._rng.choice([("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("<thinking>", "</thinking>")])
        return f"{mark}hm {SAID}{end if self.often(0.9) else ''}\n{self.text()}"

    def part(self) -> Any:
        return self.made(
            self.one_of(
                lambda: {"type": "text", "text": self.text()},
                lambda: {"type": "output_text", "text": self.text()},
                lambda: {"type": "thinking", "thinking": [{"type": "text", "text": self.text()}]},
                lambda: {"type": "thinking", "thinking": self.text(), "signature": "s"},
                lambda: {"type": "refusal", "refusal": self.text()},
                lambda: {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                lambda: {"type": "of tomorrow", "value": self.text()},
            )
        )

    def content(self) -> Any:
        return self.maybe(
            self.one_of(
                self.text, self.text, self.text, self.thought, lambda: None,
                lambda: [self.part() for _ in range(self._rng.randrange(4))],
                lambda: {"type": "text", "text": self.text()},
            )
        )  # fmt: skip

    def call(self, n: int) -> Any:
        arguments = self.one_of(
            lambda: "{}", lambda: '{"a":', lambda: "1}", lambda: {"a": SAID}, lambda: "", lambda: None
        )
        function = self.made({"name": self._rng.choice(["f", "get_", "weather"]), "arguments": arguments})
        call = {"index": n, "id": self._rng.choice(["a", "b", "", None]), "type": "function", "function": function}
        return self.made({name: value for name, value in call.items() if self.often(0.9)})

    def calls(self) -> list[Any]:
        return [self.call(self._rng.choice([0, n])) for n in range(self._rng.randrange(1, 4))]

    def said(self) -> _Object:
        """A message or a delta."""
        said: _Object = {"role": "assistant", "content": self.content()}
        more: dict[str, Callable[[], Any]] = {
            "reasoning_content": self.text,
            "reasoning": self.text,
            "reasoning_details": lambda: [{"type": "reasoning.text", "index": 0, "text": self.text()}],
            "thinking_blocks": lambda: [{"type": "thinking", "thinking": self.text(), "signature": "s"}],
            "tool_calls": self.calls,
            "function_call": lambda: {"name": "f", "arguments": "{}"},
            "refusal": self.text,
            "audio": lambda: {"id": "a", "data": "AA==", "transcript": self.text()},
            "annotations": lambda: [{"type": "url_citation", "url_citation": {"url": "u"}}],
            "images": lambda: [{"type": "image_url", "image_url": {"url": "u"}, "index": 0}],
        }
        for name, make in more.items():
            if self.often(0.1):
                said[name] = self.maybe(make())
        return self.made(said)

    # Usage and errors.

    def usage(self) -> Any:
        def count() -> Any:
            return self.one_of(
                lambda: self._rng.randrange(5000), lambda: float(self._rng.randrange(99)), lambda: "12", lambda: 0,
                lambda: None, lambda: self._rng.choice([-1, 2**31, 2**40, True, "n/a", 1.5]),
            )  # fmt: skip

        names = self._rng.choice(_USAGES)
        counts: _Object = {name: count() for name in names}
        if self.often(0.4):
            counts["prompt_tokens_details"] = {"cached_tokens": count(), "audio_tokens": count()}
        if self.often(0.4):
            counts["completion_tokens_details"] = {"reasoning_tokens": count(), "audio_tokens": count()}
        if self.often(0.1):
            counts["cost"] = self._rng.choice([0.5, {"total_cost": 1}, -1, "x", 1e99])
        return self.maybe(self.made(counts))

    def error(self) -> Any:
        """A body that tells an error, in some vendor's form."""
        words = self._rng.choice(["slow down", "no such model", "context length exceeded", "it broke", ""])
        code = self._rng.choice([429, "429", 400, 503, "insufficient_quota", 1002, 0, None, "rate_limit_exceeded"])
        error = {"message": words, "code": code, "type": self._rng.choice(["overloaded_error", "x", None])}
        return self.one_of(
            lambda: {"choices": None, "error": error},
            lambda: {"error": words},
            lambda: {"error": error},
            lambda: {"errors": [error, words]},
            lambda: {"object": "error", **error},
            lambda: {"type": "error", "error": error},
            lambda: {"detail": self._rng.choice([words, [{"loc": ["a"], "msg": words}]])},
            lambda: {"code": code, "message": words},
            lambda: {"status": "error", "message": words},
            lambda: {"success": False, "errors": [error], "result": None},
            lambda: {"base_resp": {"status_code": code, "status_msg": words}},
            lambda: {"promptFeedback": {"blockReason": "SAFETY"}},
            lambda: [{"error": error}],
            lambda: {"error": self.junk()},
        )

    # Answers.

    def frame(self, kind: str) -> _Object:
        more: _Object = {"id": "c-1", "object": kind, "created": 1, "model": "m"}
        vendors: dict[str, Callable[[], Any]] = {
            "system_fingerprint": lambda: None, "service_tier": lambda: "default", "citations": lambda: ["u"],
            "x_groq": lambda: {"id": "r", "usage": self.usage()}, "error": lambda: None,
            "prompt_filter_results": lambda: [{"prompt_index": 0}], "base_resp": lambda: {"status_code": 0},
            "timings": lambda: {"prompt_n": 1, "predicted_n": 2}, "provider": lambda: "P",
        }  # fmt: skip
        return more | {name: make() for name, make in vendors.items() if self.often(0.1)}

    def finish_reason(self) -> Any:
        return self.maybe(self._rng.choice(["stop", "stop", "length", "tool_calls", "content_filter", "of tomorrow"]))

    def plain_openai(self) -> Any:
        choices = [
            self.made({"index": n, "message": self.said(), "finish_reason": self.finish_reason(), "logprobs": None})
            for n in range(self._rng.choice([1, 1, 1, 2, 3]))
        ]
        if self.often(self._wild):
            choices = [self.odd_choice() for _ in choices]
        body = self.frame("chat.completion") | {"choices": choices, "usage": self.usage()}
        return self.made(body)

    def odd_choice(self) -> Any:
        return self.one_of(
            lambda: {"text": self.text(), "finish_reason": "stop"},
            lambda: {"delta": self.said(), "finish_reason": "stop"},
            lambda: {"message": self.text()},
            lambda: {"message": self.said(), "finish_reason": "error", "error": {"code": 502, "message": "it broke"}},
            lambda: {"message": None, "finish_reason": "content_filter"},
            lambda: {"message": self.said(), "finish_reason": {"type": "abort", "message": "x"}},
            self.junk,
        )

    def block(self) -> Any:
        return self.made(
            self.one_of(
                lambda: {"type": "text", "text": self.text(), "citations": [{"type": "char_location"}]},
                lambda: {"type": "thinking", "thinking": self.text(), "signature": "s"},
                lambda: {"type": "redacted_thinking", "data": "x"},
                lambda: {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": SAID}},
                lambda: {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                lambda: {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                lambda: {"type": "of tomorrow"},
            )
        )

    def stop_reason(self) -> Any:
        return self.maybe(self._rng.choice(["end_turn", "max_tokens", "tool_use", "refusal", "of tomorrow"]))

    def anthropic_usage(self) -> Any:
        return self.made({"input_tokens": 3, "output_tokens": self._rng.randrange(99), "cache_read_input_tokens": 4,
                          "cache_creation": {"ephemeral_5m_input_tokens": 5}})  # fmt: skip

    def plain_anthropic(self) -> Any:
        return self.made(
            {
                "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None,
                "content": [self.block() for _ in range(self._rng.randrange(1, 4))],
                "stop_reason": self.stop_reason(), "usage": self.anthropic_usage(),
            }
        )  # fmt: skip

    def plain_lists(self) -> Any:
        """Embeddings and rankings."""
        return self.made(
            {
                "object": "list", "model": "m", "usage": self.usage(),
                "data": [self.made({"index": n, "object": "embedding", "embedding": [0.5, self.maybe(1)]})
                         for n in range(3)],
                "results": [self.made({"index": n, "relevance_score": self.maybe(0.5)}) for n in range(3)],
            }
        )  # fmt: skip

    def stream_openai(self) -> list[Event]:
        frame, last = self.frame("chat.completion.chunk"), self._rng.choice(["stop", "length", "tool_calls"])

        def chunk(choices: list[Any], **more: Any) -> Event:
            return Event("", self.made({**frame, "choices": choices, **more}))

        events = [chunk([self.made({"index": 0, "delta": self.said(), "finish_reason": None})])
                  for _ in range(self._rng.randrange(1, 8))]  # fmt: skip
        events.append(chunk([self.made({"index": 0, "delta": {}, "finish_reason": self.maybe(last)})]))
        if self.often(0.5):
            events.append(chunk([], usage=self.usage()))
        events.append(Event("", b"[DONE]"))
        return self.disturbed(events)

    def stream_anthropic(self) -> list[Event]:
        def event(kind: str, **more: Any) -> Event:
            return Event(kind, self.made({"type": kind, **more}))

        events = [event("message_start", message={"id": "msg_1", "model": "m", "role": "assistant", "content": [],
                                                  "usage": self.anthropic_usage()})]  # fmt: skip
        for n in range(self._rng.randrange(1, 4)):
            block = self.block()
            events.append(event("content_block_start", index=n, content_block=block))
            events += [
                event("content_block_delta", index=n, delta=self.delta(block.get("type")))
                for _ in range(self._rng.randrange(4))
            ]
            events.append(event("content_block_stop", index=n))
        events.append(event("message_delta", delta={"stop_reason": self.stop_reason()}, usage=self.anthropic_usage()))
        events += [event("ping"), event("message_stop")]
        return self.disturbed(events)

    def delta(self, of_block: Any) -> Any:
        """Of a block of its kind; of any kind where the grammar is wild."""
        deltas: dict[str, Callable[[], Any]] = {
            "text": lambda: self._rng.choice(
                [{"type": "text_delta", "text": self.text()}, {"type": "citations_delta", "citation": {"type": "x"}}]
            ),
            "thinking": lambda: self._rng.choice(
                [{"type": "thinking_delta", "thinking": self.text()}, {"type": "signature_delta", "signature": "s"}]
            ),
            "tool_use": lambda: {"type": "input_json_delta", "partial_json": self._rng.choice(["{", "}", '"a":1', ""])},
        }
        if not isinstance(of_block, str) or self.often(self._wild):
            of_block = self._rng.choice(list(deltas))
        return self.made(deltas.get(of_block, lambda: {"type": "of tomorrow"})())

    def disturbed(self, events: Iterable[Event]) -> list[Event]:
        """Some of them missing, twice, in another order, or an error or something else among them."""
        told: list[Event] = []
        for event in events:
            if self.often(self._wild):
                other = Event(
                    self._rng.choice(["", "error", "ping"]), self.one_of(self.error, self.junk, self.odd_data)
                )
                told += self._rng.choice([[], [event, event], [other], [other, event]])
            else:
                told.append(event)
        if self.often(self._wild):
            self._rng.shuffle(told)
        return told

    def odd_data(self) -> bytes:
        return self._rng.choice(
            [b"", b"{", b"[DONE]", b"null", b"upstream error 503", b"[HEARTBEAT]", b"\xff\xfe", b"{}"]
        )


_NUMBERS = [0, 1, -1, 12, 429, 500, 2**31, 2**63, 10**30, 12.0, 0.5, -0.0, float("nan"), float("-inf")]
_TEXTS = ["", " ", "error", "null", "429", "12", "\x00", "\ud83d", "\U0001f600", "<think>", "</think>", "a" * 3000,
          "\n", "stop", "[DONE]", "data: x\n\n"]  # fmt: skip
_NAMES = ["error", "errors", "code", "message", "detail", "status", "choices", "content", "delta", "usage",
          "finish_reason", "index", "text", "type", "data", "x", "tool_calls", "success", "id", "model"]  # fmt: skip
_USAGES = [
    ("prompt_tokens", "completion_tokens", "total_tokens"), ("input_tokens", "output_tokens"), ("total_tokens",),
    ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"),
    ("prompt_tokens", "completion_tokens", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens"),
    ("prompt_eval_count", "eval_count"), ("prompt_tokens", "completion_tokens", "cached_tokens"), (),
]  # fmt: skip
