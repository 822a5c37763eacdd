"""What a caller is told at the edge."""

import orjson
import pytest
from starlette.requests import Request

from services.gateway.edge import error_response
from shared.errors import failure
from shared.events import new_id
from shared.inferences import NotAcknowledgedError


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/codebase/chat"])
def test_a_503_after_the_publish_names_the_inference_and_invites_to_come_again(path: str) -> None:
    inference_id = new_id()
    error = NotAcknowledgedError(failure("unavailable", "no ack", retry_after_s=2.0), inference_id)
    request = Request({"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""})

    response = error_response(request, error.failure, error)

    body = orjson.loads(bytes(response.body))
    assert response.status_code == 503
    assert response.headers["x-tallygate-inference-id"] == str(inference_id)
    assert body.get("error", body)["inference_id"] == str(inference_id)
    assert response.headers["retry-after"] == "2"
    assert response.headers.get("x-should-retry") != "false"
