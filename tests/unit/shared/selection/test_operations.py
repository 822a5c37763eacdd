"""What is asked for decides which models serve it, and which may stand in for which."""

from dataclasses import replace

import pytest

from shared.operations import Operation
from shared.registry import Capabilities, Model
from shared.selection import Needs, Selection, needs_of, select
from tests.unit.shared.selection.values import model, needs, tenant

CHAT, BOTH = model(id="custom:chat"), model(id="custom:both", capabilities=Capabilities(tasks=("chat", "embeddings")))
EMBED = model(id="custom:embed", config={"model": "text-embedding-3-small"})
SAME = model(id="azure:small", config={"model": "openai/Text-Embedding-3-Small"})
OTHER = model(id="openai:large", config={"model": "text-embedding-3-large"})
RANK = model(id="custom:rank", config={"model": "BAAI/bge-reranker-v2-m3"})
CLAUDE = model(id="custom:claude", wire_format="anthropic")


def asked(reference: str | None, operation: Operation) -> Needs:
    return replace(needs(reference), operation=operation)


def chosen(reference: str | None, operation: Operation, *models: Model) -> list[str]:
    return [one.model.id for one in select(asked(reference, operation), tenant(*models)).candidates]


def why(selection: Selection, model_id: str) -> str:
    return selection.objections[model_id].reason


def test_auto_takes_what_a_model_says_that_it_does_or_else_its_name() -> None:
    models = (CHAT, BOTH, EMBED, RANK)
    assert chosen(None, "chat", *models) == ["custom:chat", "custom:both"]
    assert chosen(None, "embeddings", *models) == ["custom:both"]
    assert chosen(None, "embeddings", CHAT, EMBED, RANK) == ["custom:embed"]
    assert chosen(None, "rerank", *models) == ["custom:rank"]


@pytest.mark.parametrize("operation", ["chat", "embeddings", "rerank"])
def test_whoever_names_a_model_of_which_little_is_known_is_believed(operation: Operation) -> None:
    assert all(chosen(one.id, operation, one) == [one.id] for one in (CHAT, EMBED, RANK))


def test_a_model_that_says_what_it_does_is_asked_for_nothing_else() -> None:
    only_chat = model(id="custom:only", capabilities=Capabilities(tasks=("chat",)))
    selection = select(asked("custom:only", "embeddings"), tenant(only_chat))
    assert why(selection, "custom:only") == "it cannot be used for embeddings"
    told = selection.why_none(asked("custom:only", "embeddings"))
    assert told.error_type == "no_model_available"
    assert "PATCH /api/models/custom/only" in told.tips[0]


def test_only_the_same_model_elsewhere_stands_in_for_one_that_makes_vectors() -> None:
    selection = select(asked("custom:embed", "embeddings"), tenant(EMBED, SAME, OTHER))
    assert [one.model.id for one in selection.candidates] == ["custom:embed", "azure:small"]
    assert why(selection, "openai:large") == "its vectors cannot be compared with those of custom:embed"


def test_of_auto_the_first_candidate_says_which_vectors() -> None:
    assert chosen(None, "embeddings", OTHER, SAME, EMBED) == ["custom:embed", "azure:small"]
    assert chosen(None, "embeddings", OTHER, SAME) == ["openai:large"]


def test_nothing_stands_in_for_vectors_of_a_model_that_is_not_known() -> None:
    assert chosen("custom:gone", "embeddings", SAME, OTHER) == []


def test_rankings_may_be_made_by_another_model() -> None:
    other = model(id="jina:v2", config={"model": "jina-reranker-v2"})
    assert chosen("custom:rank", "rerank", RANK, other) == ["custom:rank", "jina:v2"]


def test_an_endpoint_whose_format_has_no_such_operation_is_passed_over() -> None:
    selection = select(asked("custom:claude", "embeddings"), tenant(CLAUDE))
    assert why(selection, "custom:claude") == "it cannot do embeddings in the format anthropic"


@pytest.mark.parametrize(
    ("given", "prompt", "longest"),
    [("x" * 400, 100, 100), (["x" * 400, "x" * 40], 110, 100), ([1] * 30, 30, 30), ([[1] * 30, [1, 2]], 32, 30)],
)
def test_each_input_must_fit_the_context_window_by_itself(given: object, prompt: int, longest: int) -> None:
    found = needs_of("m", {"input": given}, operation="embeddings")
    assert (found.prompt_tokens, found.tokens) == (prompt, longest)


def test_each_document_is_read_with_the_query() -> None:
    found = needs_of("m", {"query": "x" * 40, "documents": ["x" * 360, "x" * 40]}, operation="rerank")
    assert (found.prompt_tokens, found.tokens) == (120, 100)


@pytest.mark.parametrize("cut", [{"truncate": True}, {"truncate": "END"}, {"truncation": True}])
def test_what_the_model_may_cut_fits(cut: dict[str, object]) -> None:
    assert needs_of("m", {"input": "x" * 400, **cut}, operation="embeddings").tokens == 0
    assert needs_of("m", {"input": "x" * 400, "truncate": "NONE"}, operation="embeddings").tokens == 100


@pytest.mark.parametrize("given", [None, 5, [None], [[]], [{"a": [1]}], {"x": "y"}])
def test_whatever_upstream_services_send_is_counted_somehow(given: object) -> None:
    assert needs_of("m", {"input": given}, operation="embeddings").tokens >= 0
    assert needs_of("m", {"query": given, "documents": given}, operation="rerank").tokens >= 0
