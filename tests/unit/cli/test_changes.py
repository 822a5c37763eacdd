from tests.support.stub_gateway import StubGateway
from tests.unit.cli.conftest import Run

CHANGE = {
    "id": "01", "at": "2026-01-02T03:04:05+00:00", "tenant": "t", "key_id": "0a", "action": "model.added",
    "subject": "custom:m", "details": {"fields": ["weight"], "plan": None},
}  # fmt: skip


def test_what_is_older_can_be_asked_for(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/changes?limit=50"] = (200, {"changes": [CHANGE], "total": 1, "next": "01"})
    gateway.answers["GET /api/changes?limit=50&before=01"] = (200, {"changes": [CHANGE], "total": 1, "next": None})

    newest, older = run("changes"), run("changes", "--before", "01")

    assert "model.added" in newest.stdout
    assert "--before 01" in newest.stdout
    assert "model.added" in older.stdout
    assert "--before" not in older.stdout


def test_a_selection_says_first_that_the_budget_is_used_up(gateway: StubGateway, run: Run) -> None:
    needs = {"prompt_tokens": 1, "answer_tokens": 0}
    selection = {"policy": "cheapest", "needs": needs, "candidates": [], "passed_over": []}
    over = {"error_type": "quota_exceeded", "detail": "your tenant has used all of it", "tips": ["ask"]}
    gateway.answers["POST /api/models/select"] = (200, selection | {"over_budget": over})

    assert "it would be refused: your tenant has used all of it" in run("models", "select").stdout

    gateway.answers["POST /api/models/select"] = (200, selection | {"over_budget": None})
    assert "refused" not in run("models", "select").stdout
