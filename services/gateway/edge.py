"""The HTTP edge: bodies within limits, answers and errors in the caller's format, a span and a metric per request."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import structlog
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.bodies import InvalidBodyError, flag
from services.gateway.headers import (
    ALLOWANCES,
    ATTEMPTS_HEADER,
    CANCEL_HEADER,
    INFERENCE_HEADER,
    MODEL_HEADER,
    REPLAYED_HEADER,
    STARTED,
    Allowances,
    Part,
    headers_of,
    request_id,
    standing_headers,
    surface_of,
)
from services.gateway.inference.completing import CallerLeftError, IdName, Sent
from services.gateway.inference.limits import SHARE_TIPS
from services.gateway.inference.shares import Shares
from services.gateway.instruments import http_requests, http_seconds
from shared.db.failures import RETRYABLE, UNSTORABLE, described
from shared.errors import Failure, TallygateError, failure, render
from shared.inferences import Answer, InferenceFailedError
from shared.telemetry import names
from shared.telemetry.traces import TRACEPARENT, TRACESTATE, Traced, carried, tracing

logger = structlog.get_logger(__name__)

_BODIES_TIPS = ("Try again after the time in Retry-After; an operator can raise TALLYGATE_MAX_BODIES_BYTES.",)
_STOPS = "this gateway stops; what it has accepted goes on, and can be asked for by its id"
_JSON = "application/json"
_TAKEN = {_JSON, "text/json", "application/octet-stream", "application/x-www-form-urlencoded"}
_NAMED = "tallygate.named"  # in a request's scope: ids under which something may have been published for it
_RELEASES = "tallygate.releases"  # in a request's scope: what is called when it has been answered
LAST_WORDS = (
    "tallygate.last_words"  # in a request's scope: how its answer tells a Failure in the middle, if in its own way
)


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body, default=str), status, headers, "application/json")


@dataclass(frozen=True)
class BodyLimits:
    """most: bytes of one body. held: of all in work, which tenants share. timeout_s: of one to come."""

    most: int
    held: Shares
    timeout_s: float

    def hold(self, request: Request, tenant_id: str, size: int) -> None:
        """Until the request is answered. Raises TallygateError."""
        match self.held.take(tenant_id, size):
            case "full":
                detail = f"bodies in work hold {self.held.held} bytes; the limit is {self.held.most}"
                raise TallygateError("unavailable", detail, retry_after_s=1.0, tips=_BODIES_TIPS)
            case "over_share":
                detail = f"your bodies in work hold {self.held.held_by(tenant_id)} of {self.held.most} bytes"
                raise TallygateError("too_many_requests", detail, retry_after_s=1.0, tips=(*SHARE_TIPS, *_BODIES_TIPS))
            case None:
                when_answered(request, partial(self.held.give_back, tenant_id, size))


def tells_allowances(request: Request, allowances: Callable[[], Allowances]) -> None:
    """Its answer says what the caller's tenant may still send."""
    request.scope[ALLOWANCES] = allowances


def when_answered(request: Request, release: Callable[[], None]) -> None:
    """Has it called once, when the request has been answered or has failed."""
    request.scope.setdefault(_RELEASES, []).append(release)


async def read_sent(request: Request, tenant_id: str, limits: BodyLimits) -> Sent:
    """What the request contributes to a completion or a job. Raises as `read_body`."""
    body = await read_body(request, tenant_id, limits)
    left = partial(caller_left, request) if asks_to_cancel(request) else None
    return Sent(
        headers_of(request.scope), request.scope["path"], body, traceparent(request), left, partial(_named, request)
    )


def _named(request: Request, name: IdName, value: UUID) -> None:
    request.scope.setdefault(_NAMED, {})[name] = value


async def read_body(request: Request, tenant_id: str, limits: BodyLimits) -> bytes:
    """The body. Raises `payload_too_large` as soon as it is known to be over the limit, `unavailable` when all bodies
    together are, `too_many_requests` when the tenant's are, `invalid_request` when it does not come in time (408) or
    is said to be no JSON (415)."""
    headers = headers_of(request.scope)
    if int(headers.get("content-length", "0")) > limits.most:
        raise _too_large(limits.most)
    check_media_type(headers)
    try:
        async with asyncio.timeout(limits.timeout_s):
            return await _whole_body(request, tenant_id, limits)
    except TimeoutError:
        detail = f"the body did not come within {limits.timeout_s:g} s"
        tips = ("Send it at once; an operator can raise TALLYGATE_BODY_TIMEOUT_S.",)
        raise TallygateError("invalid_request", detail, http_status=408, tips=tips) from None


async def _whole_body(request: Request, tenant_id: str, limits: BodyLimits) -> bytes:
    chunks, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > limits.most:
            raise _too_large(limits.most)
        if chunk:  # the last one may be empty
            limits.hold(request, tenant_id, len(chunk))
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def caller_left(request: Request) -> None:
    """Returns when the connection is gone. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def asks_to_cancel(request: Request) -> bool:
    """Raises InvalidBodyError when its header says neither."""
    return bool(flag(headers_of(request.scope), CANCEL_HEADER))


def error_response(request: Request, refusal: Failure, error: Exception | None = None, **members: Any) -> Response:
    """On /v1 the OpenAI error object, elsewhere problem+json; the same members in both, and `members` in the latter."""
    named: dict[IdName, UUID] = request.scope.get(_NAMED, {})
    known_id = named.get("inference_id")
    inference_id = None if known_id is None else str(known_id)
    attempts: tuple[dict[str, Any], ...] = ()
    headers = render.headers(refusal)
    if known_id is not None:
        headers[INFERENCE_HEADER] = str(known_id)
    if refusal.http_status == 408:
        # Nothing more comes. What is still coming, as of a body that is too large, is read and dropped within bounds
        # instead (`BoundedProtocol`): closed under it, the client would see a reset and not the answer.
        headers["connection"] = "close"
    if isinstance(error, InferenceFailedError):
        inference_id, attempts = str(error.inference_id), error.failed_attempts
        headers |= _inference_headers(error.inference_id, None, error.attempts, error.replayed)
        if error.replayed:
            headers["x-should-retry"] = "false"  # with the same Idempotency-Key the answer stays the same
    param = error.param if isinstance(error, InvalidBodyError) else None
    match surface_of(request.scope["path"]):
        case "anthropic":
            named_by = request_id(request.scope, inference_id)
            error_message = render.anthropic_error(
                refusal, named_by, inference_id=inference_id, attempts=attempts, param=param
            )
            return json_response(error_message, refusal.http_status, headers)
        case "openai":
            error_object = render.openai_error(refusal, inference_id=inference_id, attempts=attempts, param=param)
            return json_response(error_object, refusal.http_status, headers)
        case "own":
            problem = render.problem(refusal, inference_id=inference_id, attempts=attempts, param=param)
    body: dict[str, Any] = {**problem, **members}
    if (feature_id := named.get("feature_id")) is not None:
        body["feature_id"] = str(feature_id)
    if request.url.path.startswith("/api/codebase"):
        body["success"] = False
    return Response(orjson.dumps(body), refusal.http_status, headers, "application/problem+json")


class Completion(Response):
    """The answer to an inference. Made without what Response does for others. body: when it is told in other words than
    it came in."""

    def __init__(self, answer: Answer, body: bytes | None = None) -> None:
        self.status_code, self.background, self.body = 200, None, answer.body if body is None else body
        headers = inference_headers(answer)
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.body)),
            *((name.encode(), value.encode("latin-1")) for name, value in headers.items()),
        ]


def inference_headers(answer: Answer) -> dict[str, str]:
    return _inference_headers(answer.inference_id, answer.model, answer.attempts, answer.replayed)


def answer_to(request: Request, error: Exception) -> Response | None:
    """What the caller is told. None for what nobody foresaw."""
    if isinstance(error, TallygateError):
        return error_response(request, error.failure, error)
    if isinstance(error, RETRYABLE):
        logger.warning("database.unavailable", reason=described(error))
        return error_response(request, _database_unavailable(error))
    if isinstance(error, UNSTORABLE):
        return error_response(request, _UNSTORABLE)
    return None


async def on_expected(request: Request, error: Exception) -> Response:
    """For what the routes raise that `answer_to` knows."""
    if (answer := answer_to(request, error)) is None:
        raise error
    return answer


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Routing's own refusals: no such path, wrong method. OPTIONS is told what a path takes."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    allow = {"allow": ", ".join(methods_of(request))} if status == 405 else {}
    if status == 405 and request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    known = {
        404: (
            "endpoint_not_found",
            f"there is no {request.url.path} here",
            ("See GET /docs for all paths.",),
        ),
        405: ("invalid_request", f"{request.url.path} does not take {request.method}", ("See GET /docs.",)),
    }
    error_type, detail, tips = known.get(status, ("invalid_request", f"HTTP {status}", ()))
    answer = error_response(request, failure(error_type, detail, http_status=status, tips=tips))  # type: ignore[arg-type]
    answer.headers.update(allow)
    return answer


def methods_of(request: Request) -> list[str]:
    """That the path takes. Several routes may have it, each with its own; a fixed path is no id of another one's."""
    path, routes = request.scope["path"], request.app.state.routes
    exact = [route for route in routes if route.path == path]
    found = exact or [route for route in routes if route.path_regex.match(path)]
    return sorted({method for route in found for method in route.methods or ()} | {"OPTIONS"})


def _database_unavailable(error: Exception) -> Failure:
    return failure("unavailable", f"the database cannot do it now: {type(error).__name__}", retry_after_s=2.0)


# The database refuses a value of the request itself, such as a NUL character in a path.
_UNSTORABLE = failure(
    "invalid_request", "a value of the request is too large to be stored, or holds a character that cannot be"
)


def _as_event(failed: Failure) -> bytes:
    return b"event: error\ndata: " + orjson.dumps(render.problem(failed)) + b"\n\n"


def _as_line(failed: Failure) -> bytes:
    return b'{"error": ' + orjson.dumps(render.problem(failed)) + b"}\n"


# How an error is told in the middle of an answer, by the answer's media type. Others cannot tell any.
_LAST_WORDS = {"text/event-stream": _as_event, "application/x-ndjson": _as_line}


def _failure_of(error: Exception) -> Failure:
    """Starlette wraps what has a handler of its own when that comes too late to answer."""
    cause = error.__cause__ if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception) else error
    if isinstance(cause, TallygateError):
        return cause.failure
    if isinstance(cause, RETRYABLE):
        return _database_unavailable(cause)
    return failure("internal", "the gateway failed; its log says why")


class _Answering:
    """The answer to one request as it goes out; says how far it has come."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.status: int | None = None  # none before the answer has begun
        self._headers: list[Part] = []
        self._ended = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = message["headers"]
            self._headers += standing_headers(self._scope, self._headers)
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def break_off(self, failed: Failure, own: Callable[[Failure], bytes] | None) -> None:
        """After the first byte there is no other status any more: the error is told in the answer's own form, then
        the answer ends. Where there is no such form it does not end, and the server closes the connection."""
        media_type = Headers(raw=self._headers).get("content-type", "").partition(";")[0]
        words = own or _LAST_WORDS.get(media_type)
        if words is not None and not self._ended:
            await self.send({"type": "http.response.body", "body": words(failed), "more_body": False})


class EdgeMiddleware:
    """One server span and one metric per request; an expected error gets its answer, one that nobody foresaw becomes a
    typed 500 without a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        traced = _server_span(scope)
        scope["traceparent"], scope[STARTED] = traced.traceparent, started
        answering, left = _Answering(scope, send), False
        try:
            await self._app(scope, receive, answering.send)
        except (ClientDisconnect, CallerLeftError):
            left = True
        except asyncio.CancelledError:  # the server stops, and has waited for as long as it may: this is the end
            await _told_instead(Request(scope, receive), answering, failure("unavailable", _STOPS, retry_after_s=1.0))
        except Exception as error:
            request = Request(scope, receive)
            answer = answer_to(request, error) if answering.status is None else None
            if answer is not None:
                await answer(scope, receive, answering.send)
            else:
                logger.exception("request.failed", path=scope["path"], request_id=request_id(scope))
                await _told_instead(request, answering, _failure_of(error))
        finally:
            for release in scope.get(_RELEASES, ()):
                release()
            status = 499 if left else answering.status or 500
            route = getattr(scope.get("route"), "path", "unmatched")
            http_requests.labels(route, str(status)).inc()
            http_seconds.labels(route).observe(time.perf_counter() - started, tracing.exemplar(traced.traceparent))
            traced.set({names.HTTP_ROUTE: route, names.HTTP_STATUS: status})
            if status >= 500:
                traced.fail(str(status))
            traced.end()


async def _told_instead(request: Request, answering: _Answering, failed: Failure) -> None:
    if answering.status is None:
        await error_response(request, failed)(request.scope, request.receive, answering.send)
    else:
        await answering.break_off(failed, request.scope.get(LAST_WORDS))


def traceparent(request: Request) -> str | None:
    value: str | None = request.scope.get("traceparent")
    return value


def _context(scope: Scope) -> str | None:
    """Of the caller's trace, as it is carried."""
    traceparent = headers_of(scope).get(TRACEPARENT)
    if traceparent is None:
        return None
    states = [value.decode("latin-1") for name, value in scope["headers"] if name == TRACESTATE.encode()]
    return carried(traceparent, ",".join(states))


def _server_span(scope: Scope) -> Traced:
    parent = _context(scope)
    if not tracing.enabled:
        return Traced(None, parent)
    method = scope["method"]
    return tracing.start(f"{method} {scope['path']}", SpanKind.SERVER, parent, {names.HTTP_METHOD: method})


def _inference_headers(inference_id: UUID, model: str | None, attempts: int, replayed: bool) -> dict[str, str]:
    headers = {INFERENCE_HEADER: str(inference_id), ATTEMPTS_HEADER: str(attempts)}
    if model is not None:
        headers[MODEL_HEADER] = model
    if replayed:
        headers[REPLAYED_HEADER] = "true"
    return headers


def check_media_type(headers: Mapping[str, str]) -> None:
    """Raises TallygateError (415) for what is said not to be JSON.

    What says nothing is taken for JSON, and so is what curl says of everything that it is told to send with -d.
    """
    said = headers.get("content-type", _JSON)
    if said == _JSON:
        pass
    elif (media_type := said.partition(";")[0].strip().lower()) not in _TAKEN and not media_type.endswith("+json"):
        raise _not_taken(
            f"the body is said to be {media_type[:100]!r}", "Send JSON, and content-type: application/json"
        )
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _not_taken("the body is said to be compressed", "Send it as it is, without content-encoding.")


def _not_taken(detail: str, tip: str) -> TallygateError:
    return TallygateError("invalid_request", detail, http_status=415, tips=(tip,))


def _too_large(limit: int) -> TallygateError:
    return TallygateError("payload_too_large", f"the body is larger than {limit} bytes")
