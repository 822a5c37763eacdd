import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.models.export import exported, variable_names
from services.cli.models.file import parse_models_file
from services.cli.models.plan import planned
from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run
from tests.unit.cli.models.test_plan import EXISTING

LIST, CREATE, CHANGE = "GET /api/models/custom", "POST /api/models/custom", "PATCH /api/models/custom/m"
TEXT = """
models:
  - {model_id: m, endpoint_url: "http://h/v1", provider: openai-compatible, context_window: 4096, api_key: {env: KEY}}
  - {model_id: new, endpoint_url: "http://h/v1", provider: openai-compatible}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("KEY", "sk-1")
    path = tmp_path / "models.yaml"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture(autouse=True)
def _answers(gateway: StubGateway) -> None:
    gateway.answers |= {LIST: (200, {"models": [EXISTING]}), CREATE: (201, {}), CHANGE: (200, {})}


def test_what_differs_is_changed_and_what_is_new_created(gateway: StubGateway, run: Run, file: str) -> None:
    done = run("models", "apply", "-f", file)

    assert done.exit_code == 0, done.output
    assert gateway.calls == [LIST, CHANGE, CREATE]
    assert gateway.asked[1].body == {"context_window": 4096, "api_key": "sk-1"}
    assert "~ m changed (context_window)" in done.stdout
    assert "+ new created (endpoint_url, model_id, provider)" in done.stdout
    assert "1 created, 1 changed" in done.stdout
    assert "sk-1" not in done.output


def test_a_dry_run_sends_nothing(gateway: StubGateway, run: Run, file: str) -> None:
    done = run("models", "apply", "-f", file, "--dry-run", "--json")

    body = json.loads(done.stdout)
    assert gateway.calls == [LIST]
    assert body["dry_run"] is True
    assert [(one["model_id"], one["status"]) for one in body["models"]] == [("m", "changed"), ("new", "created")]


def test_one_that_fails_keeps_no_other_back(gateway: StubGateway, run: Run, file: str) -> None:
    gateway.answers[CHANGE] = (400, problem("endpoint_forbidden", "h may not be called", "Use another"))

    done = run("models", "apply", "-f", file)

    assert done.exit_code == 1
    assert gateway.calls == [LIST, CHANGE, CREATE]
    assert "✗ m failed" in done.stdout
    assert "✗ endpoint_forbidden: h may not be called" in done.stdout
    assert "→ Use another" in done.stdout
    failed = json.loads(run("models", "apply", "-f", file, "--json").stdout)["models"][0]
    assert failed["error"]["error_type"] == "endpoint_forbidden"


def test_a_secret_that_is_not_there_stops_everything(
    gateway: StubGateway, run: Run, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEY")

    done = run("models", "apply", "-f", file)

    assert done.exit_code == 1
    assert "m: api_key: the variable KEY is not set; nothing was changed" in done.stderr
    assert gateway.calls == []


@pytest.mark.parametrize("key", ["two words", "schlüssel", "x" * 4097])
def test_a_secret_that_cannot_be_sent_stops_everything(
    gateway: StubGateway, run: Run, file: str, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("KEY", key)

    done = run("models", "apply", "-f", file)

    assert done.exit_code == 1
    assert "m: api_key: what it refers to cannot be sent in a header; nothing was changed" in done.stderr
    assert key not in done.output
    assert gateway.calls == []


def test_a_secret_that_would_move_stops_everything(gateway: StubGateway, run: Run, file: str) -> None:
    gateway.answers[LIST] = (200, {"models": [EXISTING, EXISTING | {"model_id": "new", "endpoint_url": "http://g/v1"}]})

    done = run("models", "apply", "-f", file)

    assert done.exit_code == 1
    assert "new: its endpoint_url leads to another server than now" in done.stderr
    assert gateway.calls == [LIST]


def test_a_secret_of_a_file_beside_it(gateway: StubGateway, run: Run, file: str) -> None:
    Path(file).write_text(TEXT.replace("env: KEY", "file: key.txt"))
    assert "key.txt cannot be read: No such file" in run("models", "apply", "-f", file).stderr
    assert gateway.calls == []

    Path(file).with_name("key.txt").write_text("sk-2\n")
    run("models", "apply", "-f", file)
    assert gateway.asked[1].body["api_key"] == "sk-2"


def test_what_is_exported_applies_again_unchanged() -> None:
    models: list[dict[str, Any]] = [
        EXISTING,
        EXISTING | {"model_id": "1e5", "model_name": "Größe: #1", "is_active": False, "has_headers": True, "weight": 0},
    ]

    text = exported(models, "models.yaml")

    assert "# Has headers, whose names and values are not exported; they stay as they are: 1e5" in text
    assert yaml.safe_load(text)["models"][0]["api_key"] == {"env": "TALLYGATE_M_API_KEY"}
    entries = parse_models_file(text, "models.yaml")
    plans = [planned(one, {"api_key": "sk"}, model) for one, model in zip(entries, models, strict=True)]
    assert [(plan.model_id, plan.status, plan.body) for plan in plans] == [
        ("m", "unchanged", {"api_key": "sk"}),
        ("1e5", "unchanged", {"api_key": "sk"}),
    ]


def test_no_two_models_share_a_variable() -> None:
    assert variable_names(["a-b", "a.b", "c"]) == {
        "a-b": "TALLYGATE_A_B_API_KEY",
        "a.b": "TALLYGATE_A_B_2_API_KEY",
        "c": "TALLYGATE_C_API_KEY",
    }


def test_the_export_goes_where_it_is_told(gateway: StubGateway, run: Run, tmp_path: Path) -> None:
    assert "model_id: m" in run("models", "export").stdout

    done = run("models", "export", "-o", str(tmp_path / "out.yaml"))
    assert done.stdout == ""
    assert "tallygate models apply -f " in (tmp_path / "out.yaml").read_text()
    assert "cannot be written" in run("models", "export", "-o", str(tmp_path / "no" / "out.yaml")).stderr
