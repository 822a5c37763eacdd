"""The HTTP edge: bodies within limits, answers and errors in the caller's format, a span and a metric per request."""

import time
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import structlog
from opentelemetry.trace import SpanKind
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.bodies import InvalidBodyError
from services.gateway.inference.completing import CallerLeftError, Sent
from shared.errors import Failure, TallygateError, failure, render
from shared.inferences import Answer, InferenceFailedError
from shared.telemetry import names
from shared.telemetry.instruments import http_requests, http_seconds
from shared.telemetry.traces import TRACEPARENT, Traced, tracing, valid_traceparent

logger = structlog.get_logger(__name__)

INFERENCE_HEADER = "x-tallygate-inference-id"
MODEL_HEADER = "x-tallygate-model"
ATTEMPTS_HEADER = "x-tallygate-attempts"
REPLAYED_HEADER = "idempotency-replayed"
CANCEL_HEADER = "x-tallygate-cancel-on-disconnect"


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body, default=str), status, headers, "application/json")


async def read_sent(request: Request, limit: int) -> Sent:
    """What the request contributes to a completion or a job. Raises as `read_body`."""
    body = await read_body(request, limit)
    left = partial(caller_left, request) if asks_to_cancel(request) else None
    return Sent(request.headers, request.url.path, body, traceparent(request), left)


async def read_body(request: Request, limit: int) -> bytes:
    """The body. Raises `payload_too_large` as soon as it is known to be over the limit."""
    if int(request.headers.get("content-length", "0")) > limit:
        raise _too_large(limit)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def caller_left(request: Request) -> None:
    """Returns when the connection is gone. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def asks_to_cancel(request: Request) -> bool:
    return request.headers.get(CANCEL_HEADER, "").lower() in {"1", "true", "yes"}


def error_response(request: Request, refusal: Failure, error: Exception | None = None, **members: Any) -> Response:
    """On /v1 the OpenAI error object, elsewhere problem+json; the same members in both, and `members` in the latter."""
    inference_id: str | None = None
    attempts: tuple[dict[str, Any], ...] = ()
    headers = render.headers(refusal)
    if isinstance(error, InferenceFailedError):
        inference_id, attempts = str(error.inference_id), error.failed_attempts
        headers |= _inference_headers(error.inference_id, None, error.attempts, error.replayed)
        if error.replayed:
            headers["x-should-retry"] = "false"  # with the same Idempotency-Key the answer stays the same
    param = error.param if isinstance(error, InvalidBodyError) else None
    if request.url.path.startswith("/v1"):
        body = render.openai_error(refusal, inference_id=inference_id, attempts=attempts, param=param)
        return json_response(body, refusal.http_status, headers)
    body = render.problem(refusal, inference_id=inference_id, attempts=attempts, param=param) | members
    if request.url.path.startswith("/api/codebase"):
        body["success"] = False
    return Response(orjson.dumps(body), refusal.http_status, headers, "application/problem+json")


def inference_headers(answer: Answer) -> dict[str, str]:
    return _inference_headers(answer.inference_id, answer.model, answer.attempts, answer.replayed)


async def on_tallygate_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, TallygateError):
        raise error
    return error_response(request, error.failure, error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Routing's own refusals: no such path, wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    known = {
        404: (
            "endpoint_not_found",
            f"there is no {request.url.path} here",
            ("See GET /docs for all paths.",),
        ),
        405: ("invalid_request", f"{request.url.path} does not take {request.method}", ("See GET /docs.",)),
    }
    error_type, detail, tips = known.get(status, ("invalid_request", f"HTTP {status}", ()))
    return error_response(request, failure(error_type, detail, http_status=status, tips=tips))  # type: ignore[arg-type]


async def on_database_unavailable(request: Request, error: Exception) -> Response:
    logger.warning("database.unavailable", reason=type(error).__name__)
    refusal = failure("unavailable", "the database cannot be reached", retry_after_s=2.0)
    return error_response(request, refusal)


async def on_unstorable(request: Request, _: Exception) -> Response:
    """The database refuses a value of the request itself, such as a NUL character in a path."""
    refusal = failure("invalid_request", "a value of the request holds a character that cannot be stored")
    return error_response(request, refusal)


class EdgeMiddleware:
    """One server span and one metric per request; an unforeseen error becomes a typed 500 without a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope, receive)
        traced = _server_span(request)
        scope["traceparent"] = traced.traceparent
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except (ClientDisconnect, CallerLeftError):
            status = 499
        except Exception:
            logger.exception("request.failed", path=scope["path"])
            await error_response(request, failure("internal", "the gateway failed; its log says why"))(
                scope, receive, watch
            )
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            http_requests.labels(route, str(status)).inc()
            http_seconds.labels(route).observe(time.perf_counter() - started)
            traced.set({names.HTTP_ROUTE: route, names.HTTP_STATUS: status})
            if status >= 500:
                traced.fail(str(status))
            traced.end()


def traceparent(request: Request) -> str | None:
    value: str | None = request.scope.get("traceparent")
    return value


def _server_span(request: Request) -> Traced:
    parent = valid_traceparent(request.headers.get(TRACEPARENT))
    if not tracing.enabled:
        return Traced(None, parent)
    attributes = {names.HTTP_METHOD: request.method}
    return tracing.start(f"{request.method} {request.url.path}", SpanKind.SERVER, parent, attributes)


def _inference_headers(inference_id: UUID, model: str | None, attempts: int, replayed: bool) -> dict[str, str]:
    headers = {INFERENCE_HEADER: str(inference_id), ATTEMPTS_HEADER: str(attempts)}
    if model is not None:
        headers[MODEL_HEADER] = model
    if replayed:
        headers[REPLAYED_HEADER] = "true"
    return headers


def _too_large(limit: int) -> TallygateError:
    return TallygateError("payload_too_large", f"the body is larger than {limit} bytes")
