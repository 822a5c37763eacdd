"""An answer while it comes."""

import asyncio
from typing import Any

import orjson

from services.features.writing import Writing, told
from shared.wire import read_completion


def lines(*texts: str, **more: Any) -> bytes:
    chunks = [{"model": "m", "choices": [{"index": 0, "delta": {"content": text}, **more}]} for text in texts]
    return b"\n".join(map(orjson.dumps, chunks))


def test_what_has_come_adds_up_to_the_completion() -> None:
    writing = Writing()
    for came in (b"", lines("one ", "two "), lines("three", finish_reason="stop"), b'{"usage": {"prompt_tokens": 3}}'):
        writing.add(came)

    read = read_completion(writing.completion)
    assert (read.text, read.finish_reason, read.usage.input_tokens) == ("one two three", "stop", 3)
    assert writing.characters == 13


async def test_each_length_is_told_once_while_the_answer_grows() -> None:
    writing, lengths, heard = Writing(), list[int](), asyncio.Event()

    async def written(characters: int) -> None:
        lengths.append(characters)
        heard.set()

    async with told(writing, written, 0.001), asyncio.timeout(60):
        for _ in range(3):
            writing.add(lines("more"))
            await heard.wait()
            heard.clear()

    assert lengths == [4, 8, 12]
