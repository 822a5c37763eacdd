import struct
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire import Completion, NotACompletionError, Usage
from shared.wire.plain.embeddings import PlainEmbeddings, in_base64, inputs_of, numbers

HALF = [0.5, -0.25]
HALF_64 = b64encode(struct.pack("<2f", *HALF)).decode()
TWO = {"input": ["a", "b"]}


def entry(index: int, embedding: object = HALF) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": embedding}


def told(*entries: object, **more: object) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "model": "m", "data": list(entries), "usage": usage} | more


def read(body: Mapping[str, Any], answer: object) -> Completion:
    return PlainEmbeddings(body).completion(orjson.dumps(answer))


def vectors(completion: Completion) -> list[object]:
    return [one["embedding"] for one in orjson.loads(completion.body)["data"]]


def test_what_is_whole_passes_byte_for_byte() -> None:
    answer = (
        b'{ "object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[1, 2.50]}],"usage":{}}'
    )
    assert PlainEmbeddings({"input": "a"}).completion(answer).body == answer


def test_its_usage_is_read_and_it_has_no_text_and_no_end() -> None:
    found = read(TWO, told(entry(0), entry(1))).read
    assert (found.usage, found.response_model) == (Usage(3, None), "m")
    assert (found.text, found.finish_reasons) == ("", ())


@pytest.mark.parametrize(
    ("more", "tokens"),
    [
        ({"usage": {"total_tokens": 7}}, 7),  # Voyage
        ({"usage": {"prompt_tokens": 0, "total_tokens": 0}}, None),  # not counted
        ({"usage": None}, None),
        ({"usage": None, "prompt_eval_count": 4}, 4),  # Ollama's own
        ({"usage": None, "meta": {"billed_units": {"input_tokens": 5}}}, 5),  # Cohere's own
    ],
)
def test_tokens_by_the_names_of_vendors(more: dict[str, object], tokens: int | None) -> None:
    assert read({"input": "a"}, told(entry(0), **more)).read.usage == Usage(tokens)


@pytest.mark.parametrize(
    ("asked", "answered", "got"),
    [
        ("base64", HALF, HALF_64),
        ("base64", HALF_64, HALF_64),
        ("float", HALF_64, HALF),
        (None, HALF_64, HALF),
        (None, HALF, HALF),
    ],
)
def test_the_encoding_that_was_asked_for_is_got(asked: str | None, answered: object, got: object) -> None:
    assert vectors(read({"input": "a", "encoding_format": asked}, told(entry(0, answered)))) == [got]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_of_four_bytes_stay_the_same_both_ways(values: list[float]) -> None:
    there = orjson.loads(orjson.dumps(numbers(in_base64(values))))
    assert struct.pack(f"<{len(values)}f", *there) == struct.pack(f"<{len(values)}f", *values)


@pytest.mark.parametrize(
    "answer",
    [
        {"model": "m", "embeddings": [[1.0], [2.0]]},  # Ollama's own
        {"embeddings": {"float": [[1.0], [2.0]]}, "id": "x"},  # Cohere's own
        [[1.0], [2.0]],  # TEI's own
        told({"embedding": [1.0]}, {"embedding": [2.0]}),
        told(entry(1, [2.0]), entry(0, [1.0])),
    ],
)
def test_other_forms_become_what_sdks_read(answer: object) -> None:
    body = orjson.loads(read(TWO, answer).body)
    assert body["data"] == [entry(0, [1.0]), entry(1, [2.0])]
    assert body["object"] == "list"
    assert {"model", "usage"} <= body.keys()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (told(entry(0)), "1 embeddings for 2 inputs"),
        (told(entry(0), entry(1), entry(2)), "3 embeddings for 2 inputs"),
        (told(entry(0), entry(0)), "the places"),
        (told(entry(0), entry(7)), "the places"),
        (told(entry(0), entry(True)), "the places"),
        (told(entry(0), entry(1, [])), "no embedding"),
        (told(entry(0), entry(1, None)), "no embedding"),
        (told(entry(0), entry(1, [0.5, None])), "no number"),
        (told(entry(0), entry(1, ["0.5"])), "no number"),
        (told(entry(0), entry(1, [0, [1]])), "no number"),
        (told(entry(0), entry(1, [[0.5], [0.5]])), "each token"),
        (told(entry(0), entry(1, "?")), "not base64"),
        (told(entry(0), entry(1, "AAA=")), "2 bytes"),
        (told(entry(0), entry(1, b64encode(struct.pack("<f", float("nan"))).decode())), "not finite"),
        (told(), "no embeddings"),
        ({"data": "x"}, "no embeddings"),
        ({}, "no embeddings"),
        ("x", "no embeddings"),
    ],
)
def test_what_is_not_the_vectors_of_the_inputs_is_told(answer: object, why: str) -> None:
    with pytest.raises(NotACompletionError, match=why):
        read(TWO, answer)


def test_a_number_that_base64_cannot_say_is_told() -> None:
    with pytest.raises(NotACompletionError, match="four bytes"):
        read({"input": "a", "encoding_format": "base64"}, told(entry(0, [1e300])))


@pytest.mark.parametrize(
    ("given", "vectors"), [("text", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2, 3]], 2), ([{"text": "a"}], 1)]
)
def test_how_many_vectors_are_asked_for(given: object, vectors: int) -> None:
    assert inputs_of({"input": given}) == vectors


def test_defaults_of_chats_are_not_sent_and_the_callers_fields_come_first() -> None:
    defaults = {"temperature": 0.1, "max_tokens": 9, "seed": 1, "dimensions": 64, "input_type": "passage"}
    body = {"model": "auto", "input": ["a"], "dimensions": 32, "user": None, "mine": {"a": 1}, "policy": "cheapest"}
    sent = orjson.loads(PlainEmbeddings(body).request("upstream", defaults, body))
    assert sent == {"model": "upstream", "input": ["a"], "dimensions": 32, "input_type": "passage", "mine": {"a": 1}}
