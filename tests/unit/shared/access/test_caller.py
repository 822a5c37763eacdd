import pytest

from shared.access import SCOPES, Caller, Scope
from shared.errors import TallygateError


def caller(*scopes: str) -> Caller:
    return Caller("acme", "01234567", frozenset(scopes))


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_may_do_what_its_scope_says(scope: Scope) -> None:
    caller(scope).require(scope)


@pytest.mark.parametrize("scope", SCOPES)
def test_admin_may_do_everything(scope: Scope) -> None:
    caller("admin").require(scope)


def test_any_of_several_scopes_is_enough() -> None:
    caller("models").require("inference", "models")
    with pytest.raises(TallygateError) as caught:
        caller("monitor").require("inference", "models")
    assert caught.value.failure.detail.endswith("; this needs inference or models")


@pytest.mark.parametrize("scope", SCOPES)
def test_no_other_scope_is_enough(scope: Scope) -> None:
    others = set(SCOPES) - {scope, "admin"}
    with pytest.raises(TallygateError) as caught:
        caller(*others).require(scope)
    refusal = caught.value.failure
    assert (refusal.error_type, refusal.http_status) == ("permission_denied", 403)
    assert refusal.detail.endswith(f"; this needs {scope}")
    assert refusal.tips == (f"Make a key that may: tallygate keys create --tenant acme --scope {scope}",)
