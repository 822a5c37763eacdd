import orjson
import pytest

from services.gateway.models.endpoint_listing import ListedModel, Listing
from services.gateway.models.probe_steps import (
    Asked,
    Subject,
    auth_step,
    failed,
    model_step,
    spoken_wire_format,
)
from shared.wire import WireFormat

HOST = Subject("h:443", None, ("sk-1234",))
STORED = Subject("h:443", "custom:m", ("sk-1234",))
LIST = b'{"object": "list", "data": [{"id": "m"}]}'
REFUSED = b'{"error": {"message": "no such key sk-1234", "code": "invalid_api_key"}}'
ANTHROPIC_ERROR = b'{"type": "error", "error": {"type": "authentication_error", "message": "no"}}'
ANTHROPIC_LIST = b'{"data": [{"id": "c", "type": "model"}], "has_more": false, "first_id": "c"}'


def asked(status: int, body: bytes = b"", wire_format: WireFormat = "openai") -> Asked:
    return Asked(wire_format, status, {}, body)


def test_a_list_means_that_the_key_was_taken() -> None:
    step = auth_step(asked(200, LIST), HOST, True, 0.5)

    assert (step.step, step.ok, step.duration_s, step.error) == ("auth", True, 0.5, None)
    assert "with this key" in step.detail
    assert "without a key" in auth_step(asked(200, LIST), HOST, False, 0.5).detail


@pytest.mark.parametrize(
    ("status", "body", "error_type"),
    [(401, REFUSED, "authentication_failed"), (403, REFUSED, "authentication_failed"),
     (403, b'{"error": {"message": "sk-1234 may not use it"}}', "permission_denied")],
)  # fmt: skip
def test_a_refused_key_fails_without_being_shown(status: int, body: bytes, error_type: str) -> None:
    step = auth_step(asked(status, body), HOST, True, 0.1)

    assert step.ok is False
    assert step.error is not None
    assert step.error.error_type == error_type
    assert "sk-1234" not in str(step.shown())
    assert set(step.shown()["error"]) == {"error_type", "title", "detail", "tips"}


@pytest.mark.parametrize("status", [301, 404, 405, 429, 500, 503])
def test_other_answers_tell_nothing_of_the_key(status: int) -> None:
    assert auth_step(asked(status), HOST, True, 0.1).ok is None
    assert auth_step(None, HOST, True, 5.0).ok is None


def test_a_key_that_may_only_not_list_may_still_complete() -> None:
    body = b'{"error": {"message": "You have insufficient permissions. Missing scopes: api.model.read."}}'

    assert auth_step(asked(403, body), HOST, True, 0.1).ok is None


def test_the_named_model() -> None:
    listing = Listing((ListedModel("llama", 8192), ListedModel("mistral")), "openai")

    assert model_step(listing, "llama", HOST).ok is True
    assert "8192 tokens" in model_step(listing, "llama", HOST).detail
    unlisted = model_step(listing, "lama", HOST)
    assert unlisted.ok is None
    assert "not among the 2 models" in unlisted.detail
    assert "did you mean llama?" in unlisted.detail
    assert "none was named" in model_step(listing, None, HOST).detail
    assert "does not list" in model_step(None, "llama", HOST).detail


@pytest.mark.parametrize(
    ("answers", "wire_format"),
    [
        ([asked(200, LIST)], "openai"),
        ([asked(200, ANTHROPIC_LIST)], "anthropic"),
        ([asked(401, ANTHROPIC_ERROR), asked(200, ANTHROPIC_LIST, "anthropic")], "anthropic"),
        ([asked(401, REFUSED), asked(200, b'{"data": [{"id": "c"}]}', "anthropic")], "anthropic"),
        ([asked(401, ANTHROPIC_ERROR), asked(401, ANTHROPIC_ERROR, "anthropic")], "anthropic"),
        ([asked(404), asked(404, b"", "anthropic")], None),
        ([asked(401, REFUSED), asked(401, REFUSED, "anthropic")], None),
        ([asked(200, b"<html>"), asked(200, b"<html>", "anthropic")], None),
        ([], None),
    ],
)
def test_the_wire_format_that_answers_give_away(answers: list[Asked], wire_format: str | None) -> None:
    assert spoken_wire_format(answers) == wire_format


def test_tips_fit_whether_the_model_is_stored() -> None:
    for error_type in ("authentication_failed", "endpoint_unreachable", "read_timeout", "rate_limited", "bad_response"):
        before = failed(error_type, "failed", HOST)
        assert before.tips
        assert not any("/api/models/custom" in tip or "models test" in tip or "{" in tip for tip in before.tips)
        assert failed(error_type, "failed", STORED).tips != ()
    assert any("custom/m" in tip for tip in failed("authentication_failed", "failed", STORED).tips)


def test_a_step_is_shown_as_json() -> None:
    assert orjson.loads(orjson.dumps(model_step(None, None, HOST).shown())) == {
        "step": "model",
        "ok": None,
        "duration_s": 0.0,
        "detail": "h:443 does not list its models; a completion will tell",
        "error": None,
    }
