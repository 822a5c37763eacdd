"""Requests for embeddings and rankings: what is taken, and which field is told to be wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from services.gateway.bodies import InvalidBodyError
from services.gateway.inference.admission import Admitted, Deadlines
from services.gateway.inference.embeddings import admit_embeddings
from services.gateway.inference.rerank import admit_rerank

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEADLINES = Deadlines(default_s=120.0, max_s=600.0)
RANKING = {"query": "q", "documents": ["a"]}


def embeddings(given: object = "a", **fields: object) -> Admitted:
    body = {"model": "custom:m", "input": given} | fields
    return admit_embeddings(orjson.dumps(body), {}, NOW, DEADLINES)


def rerank(headers: dict[str, str] | None = None, **fields: object) -> Admitted:
    return admit_rerank(orjson.dumps(RANKING | fields), headers or {}, NOW, DEADLINES)


@pytest.mark.parametrize("given", ["a", ["a", ""], [1, 2], [[1], [2, 3]], [{"text": "a"}], ["a"] * 2048, [0] * 10_000])
def test_every_form_of_input_is_taken_and_passed_on_as_it_is(given: object) -> None:
    admitted = embeddings(given, dimensions=8, encoding_format="base64", input_type="passage")
    assert (admitted.operation, admitted.model, admitted.stream) == ("embeddings", "custom:m", False)
    sent = orjson.loads(admitted.body)
    assert sent["input"] == given
    assert sent["input_type"] == "passage"


@pytest.mark.parametrize(
    "given",
    [
        "", [], None, 5, {}, ["a", 1], [["a"]], [[]], [[1], []], [-1], [2**31], [1.5], [True], [None], ["a"] * 2049,
        [[1.0]],
    ],
)  # fmt: skip
def test_what_is_no_input_is_refused_by_name(given: object) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        embeddings(given)
    assert caught.value.param == "input"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": True}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"stream": True}, "stream"),
        ({"deadline_s": 0}, "deadline_s"),
        ({"policy": "any"}, "policy"),
    ],
)
def test_wrong_fields_are_refused_by_name(fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        embeddings(**fields)
    assert caught.value.param == param


def test_an_answer_that_is_certain_to_be_too_large_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidBodyError) as caught:
        embeddings(["a"] * 2048, dimensions=3072)
    assert caught.value.failure.tips == ("Send fewer inputs in one request, or ask for fewer dimensions.",)
    embeddings(["a"] * 200, dimensions=3072)
    embeddings([1] * 2048, dimensions=3072)


def test_our_fields_are_read_and_not_passed_on() -> None:
    admitted = embeddings(deadline_s=5, policy="cheapest", no_fallback=True)
    assert admitted.deadline_at == NOW + timedelta(seconds=5)
    assert (admitted.options.policy, admitted.options.no_fallback) == ("cheapest", True)
    assert orjson.loads(admitted.body).keys() == {"model", "input"}


def test_a_ranking_is_taken_with_its_headers() -> None:
    admitted = rerank({"x-tallygate-deadline-s": "7", "x-tallygate-no-fallback": "1"}, top_n=1, rank_fields=["a"])
    assert (admitted.operation, admitted.model) == ("rerank", None)
    assert admitted.deadline_at == NOW + timedelta(seconds=7)
    assert admitted.options.no_fallback
    assert orjson.loads(admitted.body) == RANKING | {"top_n": 1, "rank_fields": ["a"]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": 5}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": [1]}, "documents[0]"),
        ({"documents": ["a"] * 10_001}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"stream": True}, "stream"),
    ],
)
def test_what_is_no_ranking_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        rerank(**fields)
    assert (caught.value.param or "").startswith(param)
