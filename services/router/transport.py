"""One HTTP call of one model: send, read within limits, and say in our words how it ended."""

import asyncio
import ssl
from typing import Any

import aiohttp

from shared.errors import ErrorType, Failure, failure
from shared.errors.classify import classify
from shared.guard import ForbiddenAddressError, Guard
from shared.registry import Model
from shared.registry.secrets import ModelSecrets
from shared.wire import Completion, NotACompletionError, UntranslatableError, dialect_of

_ERROR_BYTES = 64 * 1024  # of an error's body, this much is read
_ERROR_BODY_S = 10.0
# The router bounds what is in flight; a limit here would only hide waiting.
_CONNECTOR: dict[str, Any] = {"limit": 0, "ttl_dns_cache": 30, "keepalive_timeout": 60}


class CallFailedError(Exception):
    """The call did not bring a completion."""

    def __init__(self, known: Failure) -> None:
        super().__init__(known.detail)
        self.failure = known


class Transport:
    """Two sessions for all endpoints: connections are kept open and reused.

    Custom models are called through the guard. Provider models are not: their endpoints are the operator's own word.
    """

    def __init__(self, connect_timeout_s: float, max_answer_bytes: int, guard: Guard) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._max_answer_bytes = max_answer_bytes
        self._guard = guard
        self._guarded: aiohttp.ClientSession | None = None
        self._plain: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._guarded = _session(self._guard.connector(**_CONNECTOR))
        self._plain = _session(aiohttp.TCPConnector(**_CONNECTOR))

    async def stop(self) -> None:
        for session in (self._guarded, self._plain):
            if session is not None:
                await session.close()

    async def complete(
        self, model: Model, secrets: ModelSecrets, body: dict[str, Any], request_id: str, timeout_s: float
    ) -> Completion:
        """The completion. Raises CallFailedError; lets CancelledError through.

        request_id: sent as x-request-id, so that the endpoint's records can be held against ours.
        """
        session = self._guarded if model.is_custom else self._plain
        if session is None:
            raise RuntimeError("the transport has not been started")
        dialect = dialect_of(model.wire_format)
        headers = {**secrets.headers, **dialect.headers(secrets.api_key), "x-request-id": request_id}
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(self._connect_timeout_s, timeout_s))
        try:
            async with session.post(
                model.completions_url,
                data=dialect.request(model.upstream_model, model.config, body),
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise await self._refused(response, model, secrets)
                return dialect.completion(await self._read(response, model))
        except UntranslatableError as error:
            told = failure("invalid_request", f"{model.id} cannot be asked: {error}", model=model.id)
            raise CallFailedError(told) from None
        except NotACompletionError as error:
            raise _failed("bad_response", model, f"answered 200, but {error}") from None
        except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
            raise CallFailedError(_network_failure(error, model, timeout_s, secrets)) from None
        except ValueError as error:
            # aiohttp refuses what cannot be sent or parsed: header values, URLs, encodings.
            raise _failed("bad_response", model, f"could not be spoken to: {type(error).__name__}") from None

    async def _read(self, response: aiohttp.ClientResponse, model: Model) -> bytes:
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._max_answer_bytes:
                limit = self._max_answer_bytes
                raise _failed("bad_response", model, f"answered with more than {limit} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    async def _refused(self, response: aiohttp.ClientResponse, model: Model, secrets: ModelSecrets) -> CallFailedError:
        try:
            async with asyncio.timeout(_ERROR_BODY_S):
                body = await response.content.read(_ERROR_BYTES)
        except (aiohttp.ClientError, TimeoutError):
            body = b""
        headers = {name.lower(): value for name, value in response.headers.items()}
        told = classify(
            response.status,
            headers,
            body,
            model=model.id,
            host=model.server_address,
            secrets=secrets.to_redact,
        )
        return CallFailedError(told)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=True,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"content-type": "application/json", "user-agent": "tallygate"},
    )


def _network_failure(error: BaseException, model: Model, timeout_s: float, secrets: ModelSecrets) -> Failure:
    error_type, detail = _network_error(error, timeout_s)
    return failure(
        error_type,
        f"{model.server_address} {detail}",
        model=model.id,
        host=model.server_address,
        secrets=secrets.to_redact,
    )


def _network_error(error: BaseException, timeout_s: float) -> tuple[ErrorType, str]:
    """Most specific first: aiohttp's classes overlap."""
    match error:
        case aiohttp.ClientConnectorError(os_error=ForbiddenAddressError() as forbidden):
            return "endpoint_forbidden", f"may not be called: {forbidden}"
        case aiohttp.ClientConnectorDNSError():
            return "endpoint_unreachable", "cannot be resolved: the host name is unknown"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "tls_failed", f"did not complete the TLS handshake: {_reason(error)}"
        case aiohttp.ConnectionTimeoutError():
            return "connect_timeout", "did not accept a connection in time"
        case TimeoutError():
            return "read_timeout", f"did not answer within {timeout_s:.1f} s"
        case aiohttp.ClientConnectorError():
            return "endpoint_unreachable", f"cannot be reached: {_reason(error)}"
        case aiohttp.ClientPayloadError():
            return "stream_broken", "broke off in the middle of its answer"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | OSError():
            # It may have read the request, so this is not "unreachable": only that says that nothing was sent.
            return "stream_broken", f"closed the connection before it answered: {_reason(error)}"
        case aiohttp.InvalidURL():
            return "endpoint_not_found", "is not a valid address"
        case _:
            return "bad_response", f"answered with something that is not HTTP: {type(error).__name__}"


def _reason(error: BaseException) -> str:
    cause = getattr(error, "os_error", None) or error
    return getattr(cause, "strerror", None) or getattr(cause, "reason", None) or type(cause).__name__


def _failed(error_type: ErrorType, model: Model, detail: str) -> CallFailedError:
    address = model.server_address
    return CallFailedError(failure(error_type, f"{address} {detail}", model=model.id, host=address))
