"""What `make demo-llm` asks beside its chats: every other surface that its server can serve, plain and streamed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from deploy.local.demo_gateway import TIMEOUT_S, expect
from shared.client import Client

_Object = Mapping[str, Any]
_QUESTION = "Name one city of France."
_ASKED = {"max_tokens": 20, "temperature": 0.0}
_TALK = {"messages": [{"role": "user", "content": _QUESTION}]}
_SHOWN = 100  # characters of an answer


@dataclass(frozen=True, slots=True)
class _Stream:
    """piece: the text in one event's data, which may be none. last: the types of the events that end it; none for a
    stream that says [DONE]."""

    piece: Callable[[_Object], str]
    last: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Surface:
    """body: without its model. words: of a whole answer."""

    path: str
    body: _Object
    words: Callable[[_Object], str]
    stream: _Stream | None = None


# Not embeddings: this server has no pooling for a model that makes words. Nor has it a rerank.
_SURFACES = (
    _Surface(
        "/v1/completions",
        {"prompt": _QUESTION, **_ASKED},
        lambda answer: str(answer["choices"][0]["text"]),
        _Stream(lambda chunk: "".join(choice["text"] for choice in chunk["choices"])),
    ),
    _Surface(
        "/v1/responses",
        {"input": _QUESTION, "max_output_tokens": 20, "temperature": 0.0},
        lambda answer: str(answer["output"][0]["content"][0]["text"]),
        _Stream(
            lambda event: event["delta"] if event["type"] == "response.output_text.delta" else "",
            frozenset({"response.completed", "response.incomplete"}),
        ),
    ),
    _Surface(
        "/v1/messages",
        {**_TALK, **_ASKED},
        lambda answer: str(answer["content"][0]["text"]),
        _Stream(
            lambda event: event["delta"].get("text", "") if event["type"] == "content_block_delta" else "",
            frozenset({"message_stop"}),
        ),
    ),
    _Surface("/v1/messages/count_tokens", _TALK, lambda answer: f"{answer['input_tokens']} tokens"),
)


def show_surfaces(console: Console, gateway: Client, model: str) -> None:
    """Raises ProblemError for a surface that fails, LocalRunError for an answer that says nothing."""
    for surface in _SURFACES:
        body = {"model": model, **surface.body}
        _show(console, surface.path, surface.words(gateway.post(surface.path, body, TIMEOUT_S).body))
        if surface.stream is not None:
            _show(console, f"{surface.path}, streamed", _streamed(gateway, surface.path, body, surface.stream))


def _streamed(gateway: Client, path: str, body: _Object, stream: _Stream) -> str:
    said = []
    with gateway.stream(path, {**body, "stream": True}) as events:
        for event in events:
            said.append(stream.piece(event))
            if event.get("type") in stream.last:
                break
    return "".join(said)


def _show(console: Console, title: str, words: str) -> None:
    expect(bool(words.strip()), f"{title} answered without a word")
    line = " ".join(words.split())
    console.print(f"[bold]{title}[/bold]  ", end="")
    console.print(line if len(line) <= _SHOWN else line[:_SHOWN] + "…", style="green", markup=False)
