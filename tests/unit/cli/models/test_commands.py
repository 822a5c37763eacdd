import json

from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run
from tests.unit.cli.models.test_add import OLLAMA, PRESETS, REMOVE, TEST, TESTED

LISTED = {
    "models": [
        {
            "id": "custom:m",
            "kind": "custom",
            "usable": False,
            "reason": "it is [not] active",
            "server_address": "h:80",
            "upstream_model": "llama",
            "context_window": 8192,
            "price": {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.4},
        }
    ],
    "total": 1,
}


def test_the_list_says_why_a_model_cannot_be_used(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/models/list"] = (200, LISTED)

    done = run("models", "list")

    assert done.stdout.splitlines()[1].split() == ["custom:m", "✗", "h:80", "llama", "8192", "$0.1", "/", "$0.4"]
    assert "custom:m: it is [not] active" in done.stdout
    assert json.loads(run("models", "list", "--json").stdout) == LISTED


def test_an_empty_list_says_what_to_do(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/models/list"] = (200, {"models": [], "total": 0})

    assert "tallygate models add" in run("models", "list").stdout


def test_a_custom_model_is_shown_whole_and_a_provider_model_as_listed(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/models/custom/m"] = (200, {"id": "custom:m", "config": {"model": "llama"}, "price": None})
    gateway.answers["GET /api/models/list"] = (200, {"models": [{"id": "openai:gpt", "usable": True}]})

    assert "model=llama" in run("models", "show", "m").stdout
    assert run("models", "show", "openai:gpt").stdout.split() == ["id", "openai:gpt", "usable", "yes"]


def test_a_test_shows_the_answer_and_its_time(gateway: StubGateway, run: Run) -> None:
    gateway.answers[TEST] = (
        200,
        TESTED | {"answer": "rea\x1b[31mdy", "usage": {"prompt_tokens": 5, "completion_tokens": 1}},
    )

    done = run("models", "test", "custom:m", "--message", "Ready?")

    assert gateway.asked[0].body == {"message": "Ready?"}
    assert "✓ dns    dns it is" in done.stdout
    assert "custom:m answered in 500 ms, 5 → 1 tokens" in done.stdout
    assert r"rea\x1b[31mdy" in done.stdout  # written out
    assert "tallygate show 01" in done.stdout


def test_the_presets_are_listed(gateway: StubGateway, run: Run) -> None:
    gateway.answers[PRESETS] = (200, {"presets": [OLLAMA]})

    done = run("models", "presets")

    assert "http://localhost:11434/v1" in done.stdout
    assert "As in `ollama list`." in done.stdout
    assert json.loads(run("models", "presets", "--json").stdout) == {"presets": [OLLAMA]}


def test_activate_and_deactivate(gateway: StubGateway, run: Run) -> None:
    gateway.answers["PATCH /api/models/custom/m"] = (200, {"id": "custom:m"})

    assert "custom:m is active" in run("models", "activate", "m").stdout
    assert "not active any more" in run("models", "deactivate", "m").stdout
    assert [one.body for one in gateway.asked] == [{"is_active": True}, {"is_active": False}]


def test_nothing_is_removed_without_a_yes(gateway: StubGateway, run: Run) -> None:
    gateway.answers[REMOVE] = (204, None)

    assert "add --yes" in run("models", "remove", "custom:m").stderr
    assert gateway.calls == []
    assert json.loads(run("models", "remove", "custom:m", "--yes", "--json").stdout) == {
        "model_id": "custom:m",
        "removed": True,
    }
    assert gateway.calls == [REMOVE]


def test_a_problem_is_json_too_when_json_was_asked_for(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/models/custom/x"] = (404, problem("model_not_found", "there is no x", "list them"))

    done = run("models", "show", "x", "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["error_type"] == "model_not_found"
    assert json.loads(done.stdout)["tips"] == ["list them"]
    assert "✗ model_not_found: there is no x" in done.stderr
