"""Pure: a line of a batch, from its body to what may be published, and from its answer to a line of a file."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.gateway.bodies import InvalidBodyError
from services.gateway.headers import PRIORITY_HEADER, SESSION_HEADER
from services.gateway.inference.admission import Admitted, Deadlines, admit_chat, admit_messages
from services.gateway.inference.embeddings import admit_embeddings
from services.gateway.inference.rerank import admit_rerank
from services.gateway.inference.text_completions import admit_text
from shared.batches import Endpoint
from shared.errors import Failure, render

_Admit = Callable[[bytes, Mapping[str, str], datetime, Deadlines], Admitted]


def headers_of_lines(session: str) -> dict[str, str]:
    """What each line says as if in headers of its own: whatever is to be so for all lines of batches stands here."""
    return {SESSION_HEADER: session, PRIORITY_HEADER: "bulk"}


def admit_line(endpoint: Endpoint, body: bytes, session: str, now: datetime, deadlines: Deadlines) -> Admitted:
    """Of every endpoint but responses, which go on from what is kept. Raises InvalidBodyError."""
    return not_streamed(_ADMITS[endpoint](body, headers_of_lines(session), now, deadlines))


def not_streamed(admitted: Admitted) -> Admitted:
    """Raises InvalidBodyError."""
    if admitted.stream:
        raise InvalidBodyError("stream: a line of a batch is answered whole", "stream")
    return admitted


_ADMITS: dict[Endpoint, _Admit] = {
    "/v1/chat/completions": admit_chat,
    "/v1/completions": admit_text,
    "/v1/embeddings": admit_embeddings,
    "/v1/messages": admit_messages,
    "/v1/rerank": admit_rerank,
}


def written_answer(custom_id: str, inference_id: UUID, body: bytes) -> str:
    """A line of the output file. body: as the endpoint tells it, as JSON."""
    return _written(custom_id, inference_id, 200, orjson.Fragment(body))


def written_failure(
    endpoint: Endpoint, custom_id: str, inference_id: UUID, failed: Failure,
    attempts: tuple[dict[str, Any], ...] = (), param: str | None = None,
) -> str:  # fmt: skip
    """A line of the error file, with what the endpoint would have answered."""
    named = str(inference_id)
    body: Any
    if endpoint == "/v1/messages":
        body = render.anthropic_error(failed, named, inference_id=named, attempts=attempts, param=param)
    else:
        body = render.openai_error(failed, inference_id=named, attempts=attempts, param=param)
    return _written(custom_id, inference_id, failed.http_status, body)


def written_lost(custom_id: str, inference_id: UUID) -> str:
    """A line of the error file: what the endpoint would have answered is not known any more."""
    message = f"the inference has ended, but its result is lost; what is known of it: tallygate show {inference_id}"
    error = {"code": "result_lost", "message": message}
    line = {"id": f"batch_req_{inference_id.hex}", "custom_id": custom_id, "response": None, "error": error}
    return orjson.dumps(line).decode()


def _written(custom_id: str, inference_id: UUID, status: int, body: Any) -> str:
    response = {"status_code": status, "request_id": str(inference_id), "body": body}
    line = {"id": f"batch_req_{inference_id.hex}", "custom_id": custom_id, "response": response, "error": None}
    return orjson.dumps(line).decode()
