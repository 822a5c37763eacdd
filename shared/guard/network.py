"""Pure: from an error of the HTTP client, a socket or TLS to one of our error types, and words about the endpoint."""

import ssl

import aiohttp

from shared.errors import ErrorType
from shared.guard.ranges import ForbiddenAddressError


def network_error(error: BaseException, timeout_s: float) -> tuple[ErrorType, str]:
    """The error type, and a predicate about the endpoint ("cannot be reached: ..."). The order of the cases matters:
    aiohttp's classes overlap, so the most specific come first.
    """
    match error:
        case aiohttp.ClientConnectorError(os_error=ForbiddenAddressError() as forbidden):
            return "endpoint_forbidden", f"may not be called: {forbidden}"
        case aiohttp.ClientConnectorDNSError():
            return "endpoint_unreachable", "cannot be resolved: the host name is unknown"
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch() | ssl.SSLError():
            return "tls_failed", f"did not complete the TLS handshake: {_reason(error)}"
        case aiohttp.ConnectionTimeoutError():
            return "connect_timeout", "did not accept a connection in time"
        case TimeoutError():
            return "read_timeout", f"did not answer within {timeout_s:.1f} s"
        case aiohttp.ClientConnectorError():
            return "endpoint_unreachable", f"cannot be reached: {_reason(error)}"
        case aiohttp.ClientPayloadError():
            return "stream_broken", "broke off in the middle of its answer"
        case aiohttp.ClientConnectionError() | aiohttp.UploadAbortedError() | OSError():
            # The endpoint may have read the request. "endpoint_unreachable" would say that nothing was sent.
            return "stream_broken", f"closed the connection before it answered: {_reason(error)}"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return "endpoint_not_found", "is not a valid address"
        case _:
            return "bad_response", f"answered with something that is not HTTP: {type(error).__name__}"


def _reason(error: BaseException) -> str:
    cause = getattr(error, "os_error", None) or error
    return getattr(cause, "strerror", None) or getattr(cause, "reason", None) or type(cause).__name__
