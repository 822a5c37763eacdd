import hashlib

import pytest

from services.gateway.bodies import InvalidBodyError
from services.gateway.inference.idempotency import idempotency_key, other_body

ROUTE = "/v1/chat/completions"


def test_a_request_without_the_header_has_no_key() -> None:
    assert idempotency_key({}, "acme", ROUTE, b"{}") is None


@pytest.mark.parametrize("text", ["a", "x" * 255, "order 66 ~!"])
def test_a_key_stands_for_tenant_route_and_body(text: str) -> None:
    key = idempotency_key({"idempotency-key": text}, "acme", ROUTE, b"{}")

    assert key == ("acme", ROUTE, text, hashlib.sha256(b"{}").digest())


@pytest.mark.parametrize("text", ["", "x" * 256, "caf\u00e9", "a\tb", "a\n"])
def test_what_is_no_printable_ascii_is_refused(text: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        idempotency_key({"idempotency-key": text}, "acme", ROUTE, b"{}")

    assert caught.value.failure.http_status == 400
    assert caught.value.param == "idempotency-key"


def test_another_body_is_told_with_a_way_out() -> None:
    key = idempotency_key({"idempotency-key": "k"}, "acme", ROUTE, b"{}")
    assert key is not None

    refusal = other_body(key).failure

    assert (refusal.error_type, refusal.http_status) == ("invalid_request", 422)
    assert ROUTE in refusal.detail
    assert refusal.tips
