from pathlib import Path

import pytest

from services.cli.models.file import parse_models_file, read_models_file
from shared.client import ProblemError

LEAST = "- {model_id: m, endpoint_url: 'http://h/v1', provider: openai-compatible"
FULL = """
models:
  - model_id: m
    endpoint_url: http://h/v1
    provider: anthropic-compatible
    model_name: M
    description: ours
    api_key: {env: KEY}
    headers: {x-team: {file: team.txt}}
    config: {model: llama, temperature: 0.7}
    capabilities: {vision: false, tasks: [chat]}
    context_window: 8192
    max_concurrency: 4
    price: {input_per_mtok_usd: 1, output_per_mtok_usd: 0.2}
    timeout_s: 30
    first_chunk_timeout_s: 20
    idle_timeout_s: 10
    weight: 0
    health: {degraded_at: 0.2, min_calls: 9}
    probe: {every_s: 600}
    is_active: false
"""


def mistakes(text: str) -> str:
    with pytest.raises(ProblemError) as caught:
        parse_models_file(text, "models.yaml")
    problem = caught.value.problem
    return "\n".join((problem.detail, *problem.tips))


def test_every_field_may_be_given() -> None:
    (entry,) = parse_models_file(FULL, "models.yaml")

    assert entry.price is not None
    assert entry.price.input_per_mtok_usd == 1
    assert entry.capabilities.vision is False
    assert set(entry.secrets) == {"api_key", "headers.x-team"}


def test_only_three_are_needed() -> None:
    (entry,) = parse_models_file(f"models: [{LEAST[2:]}}}]", "models.yaml")

    assert entry.secrets == {}
    assert entry.model_fields_set == {"model_id", "endpoint_url", "provider"}


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("api_key: sk-secret-1", "models.yaml:2: m: api_key: a secret does not belong into this file"),
        ("api_key: sk-secret-1", "write secrets by reference: {env: NAME} or {file: path}"),
        ("headers: {x-team: sk-secret-1}", "m: headers.x-team: a secret does not belong into this file"),
        ("api_key: {}", "m: api_key: one of env and file is needed"),
        ("api_key: {env: A, file: sk-secret-1}", "one of env and file is needed"),
        ("colour: blue", "m: colour: Extra inputs are not permitted"),
        ("context_window: 0", "m: context_window: Input should be greater than or equal to 1"),
        ("context_window: '8192'", "m: context_window: Input should be a valid integer"),
        ("price: {input_per_mtok_usd: -1}", "m: price.output_per_mtok_usd: Field required"),
        ("model_id: n", "models.yaml:2: model_id stands there twice"),
        ("weight: 99999999", "m: weight: Input should be less than or equal to 1000000"),
        ("context_window: 9999999999", "m: context_window: Input should be less than or equal to 2147483647"),
        ("max_concurrency: 100001", "m: max_concurrency: Input should be less than or equal to 100000"),
        ("headers: {bad name: {env: A}}", "m: headers.bad name"),
        ("headers: {Content-Length: {env: A}}", "this header is written by Tallygate itself"),
        ("config: {model: 5}", "m: config: config.model must be the model's name at the endpoint"),
        ("config: {since: 2026-11-24}", "m: config: it must hold only what JSON knows"),
        ("config: {top_p: .nan}", "m: config: it must hold only what JSON knows"),
        ("config: &c {self: *c}", "m: config: it must hold only what JSON knows"),
        (f"description: {'x' * 3000}", "m: description: String should have at most 2000 characters"),
    ],
)
def test_a_mistake_is_told_by_line_model_and_field(field: str, sentence: str) -> None:
    found = mistakes(f"models:\n{LEAST}, {field}}}\n")

    assert sentence in found
    assert "nothing was changed" in found
    assert "sk-secret-1" not in found


@pytest.mark.parametrize(
    ("written", "instead", "sentence"),
    [
        ("model_id: m", "model_id: auto", "auto: model_id: this id is reserved"),
        ("http://h/v1", "http://chat/completions", "m: endpoint_url: must look like https://host/v1"),
        ("http://h/v1", "http://user:pw@h/v1", "m: endpoint_url: must not hold credentials"),
        ("http://h/v1", "ftp://h/v1", "m: endpoint_url: must look like https://host/v1"),
    ],
)
def test_what_the_gateway_would_refuse_is_told_before(written: str, instead: str, sentence: str) -> None:
    assert sentence in mistakes(f"models:\n{LEAST}}}\n".replace(written, instead))


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes("models:\n  - endpoint_url: ftp://h\n    provider: openai\n  - 7\n")

    assert "has 4 mistakes" in found
    assert "models.yaml:2: model 1: model_id: Field required" in found
    assert "models.yaml:2: model 1: endpoint_url: " in found
    assert "models.yaml:3: model 1: provider: " in found
    assert "models.yaml:4: model 2: " in found


@pytest.mark.parametrize("text", ["", "7", "[]", "models: 7", "other: []", "a: [", "a: 2026-99-99", "\x00"])
def test_what_is_no_file_of_models(text: str) -> None:
    assert "models.yaml" in mistakes(text)


def test_what_is_not_yaml_is_told_by_line_and_without_its_text() -> None:
    found = mistakes("models:\n  - api_key: 'sk-secret-1\n")

    assert "models.yaml:3: it is not YAML: " in found
    assert "sk-secret-1" not in found
    assert "models.yaml" in mistakes("models: &a [*a]")


def test_an_id_twice() -> None:
    assert "models.yaml:3: m: this model_id stands there twice" in mistakes(f"models:\n{LEAST}}}\n{LEAST}}}\n")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff")
    for name, why in (("none", "No such file"), ("latin", "it is not UTF-8")):
        with pytest.raises(ProblemError, match=why):
            read_models_file(tmp_path / name)
