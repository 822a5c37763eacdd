"""Every error of the HTTP client has an error type that somebody chose for it."""

import ssl
from collections.abc import Iterator
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.client_exceptions import UnixClientConnectorError

from shared.errors import ErrorType
from shared.guard.network import network_error

_KEY: Any = SimpleNamespace(host="h", port=1, ssl=True, is_ssl=True)

# By class, as the client raises them; those that only stand for others are left out.
EXPECTED: dict[type[BaseException], ErrorType] = {
    aiohttp.ClientConnectionError: "stream_broken",
    aiohttp.ClientConnectionResetError: "stream_broken",
    aiohttp.ClientConnectorCertificateError: "tls_failed",
    aiohttp.ClientConnectorDNSError: "endpoint_unreachable",
    aiohttp.ClientConnectorError: "endpoint_unreachable",
    aiohttp.ClientConnectorSSLError: "tls_failed",
    aiohttp.ClientHttpProxyError: "bad_response",
    aiohttp.ClientOSError: "stream_broken",
    aiohttp.ClientPayloadError: "stream_broken",
    aiohttp.ClientProxyConnectionError: "endpoint_unreachable",
    aiohttp.ClientResponseError: "bad_response",
    aiohttp.ClientSSLError: "tls_failed",
    aiohttp.ConnectionTimeoutError: "connect_timeout",
    aiohttp.ContentTypeError: "bad_response",
    aiohttp.InvalidURL: "endpoint_not_found",
    aiohttp.InvalidUrlClientError: "endpoint_not_found",
    aiohttp.InvalidUrlRedirectClientError: "endpoint_not_found",
    aiohttp.NonHttpUrlClientError: "endpoint_not_found",
    aiohttp.NonHttpUrlRedirectClientError: "endpoint_not_found",
    aiohttp.RedirectClientError: "bad_response",
    aiohttp.ServerConnectionError: "stream_broken",
    aiohttp.ServerDisconnectedError: "stream_broken",
    aiohttp.ServerFingerprintMismatch: "tls_failed",
    aiohttp.ServerTimeoutError: "read_timeout",
    aiohttp.SocketTimeoutError: "read_timeout",
    aiohttp.TooManyRedirects: "bad_response",
    aiohttp.WSMessageTypeError: "bad_response",
    aiohttp.WSServerHandshakeError: "bad_response",
    UnixClientConnectorError: "endpoint_unreachable",
    aiohttp.UploadAbortedError: "stream_broken",
    TimeoutError: "read_timeout",
    OSError: "stream_broken",
    ssl.SSLError: "tls_failed",
}


def client_errors(base: type[BaseException] = aiohttp.ClientError) -> Iterator[type[BaseException]]:
    for error in base.__subclasses__():
        if error.__module__.startswith("aiohttp."):
            yield error
            yield from client_errors(error)


def test_every_class_of_the_client_is_known() -> None:
    assert set(client_errors()) <= set(EXPECTED)


@pytest.mark.parametrize("error", sorted(EXPECTED, key=attrgetter("__qualname__")), ids=attrgetter("__name__"))
def test_each_has_its_type(error: type[BaseException]) -> None:
    made = error.__new__(error)  # their arguments differ, and only the class is looked at
    if isinstance(made, aiohttp.ClientConnectorError):
        made._os_error, made._conn_key = OSError(), _KEY
    if isinstance(made, aiohttp.ClientConnectorCertificateError):
        made._certificate_error = Exception()
    assert network_error(made, 1.0)[0] == EXPECTED[error]
