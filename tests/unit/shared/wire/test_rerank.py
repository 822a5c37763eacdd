from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from shared.wire import Completion, NotACompletionError, Usage
from shared.wire.plain.rerank import PlainRerank

ASKED = {"query": "q", "documents": ["a", "b", "c"]}
RANKED = [{"index": 2, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.5}]


def read(answer: object, body: Mapping[str, Any] = ASKED) -> Completion:
    return PlainRerank(body).completion(orjson.dumps(answer))


def results(completion: Completion) -> object:
    return orjson.loads(completion.body)["results"]


def test_what_is_whole_passes_byte_for_byte() -> None:
    answer = b'{ "id":"r","results":[{"index":1,"relevance_score":0.50}],"meta":{"api_version":{"version":"2"}}}'
    assert PlainRerank(ASKED).completion(answer).body == answer


@pytest.mark.parametrize(
    "answer",
    [
        {"results": RANKED},
        {"results": RANKED[::-1]},
        {"object": "list", "data": RANKED},  # Voyage
        [{"index": 0, "score": 0.5}, {"index": 2, "score": 0.9}],  # TEI
    ],
)
def test_every_form_becomes_results_with_the_best_first(answer: object) -> None:
    assert results(read(answer)) == RANKED


def test_no_more_are_told_than_were_asked_for() -> None:
    assert results(read({"results": RANKED}, {**ASKED, "top_n": 1})) == RANKED[:1]


def test_documents_come_with_their_results() -> None:
    whole = [{"index": 0, "relevance_score": 1, "document": {"text": "a"}}]
    assert results(read({"results": whole})) == whole
    assert results(read([{"index": 0, "score": 1, "text": "a"}])) == whole


@pytest.mark.parametrize(
    ("more", "tokens"),
    [
        ({"usage": {"total_tokens": 15}}, 15),  # Jina
        ({"usage": {"prompt_tokens": 8, "total_tokens": 9}}, 8),
        ({"meta": {"tokens": {"input_tokens": 6}, "billed_units": {"search_units": 1}}}, 6),  # Cohere
        ({"meta": {"billed_units": {"search_units": 1}}}, None),
        ({}, None),
    ],
)
def test_tokens_by_the_names_of_vendors(more: dict[str, object], tokens: int | None) -> None:
    assert read({"results": RANKED, **more}).read.usage == Usage(tokens)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"results": [{"index": 3, "relevance_score": 1}]}, "3 documents"),
        ({"results": [{"index": -1, "relevance_score": 1}]}, "3 documents"),
        ({"results": [RANKED[0], RANKED[0]]}, "3 documents"),
        ({"results": []}, "3 documents"),
        ({"results": [{"relevance_score": 1}]}, "no index"),
        ({"results": [{"index": True, "relevance_score": 1}]}, "no index"),
        ({"results": [{"index": 0}]}, "no relevance_score"),
        ({"results": [{"index": 0, "relevance_score": "high"}]}, "no relevance_score"),
        ({"results": ["a"]}, "no index"),
        ({"choices": []}, "no results"),
        ("x", "no results"),
    ],
)
def test_what_is_no_ranking_of_the_documents_is_told(answer: object, why: str) -> None:
    with pytest.raises(NotACompletionError, match=why):
        read(answer)


def test_defaults_of_chats_are_not_sent() -> None:
    body = {**ASKED, "model": "auto", "top_n": 2}
    sent = orjson.loads(PlainRerank(body).request("upstream", {"temperature": 1, "return_documents": False}, body))
    assert sent == {**ASKED, "model": "upstream", "top_n": 2, "return_documents": False}
