import errno
import os
import ssl
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from services.router.network import network_error, network_failure
from shared.errors import ErrorType
from shared.registry.secrets import ModelSecrets
from tests.unit.router.values import model

KEY = cast(ConnectionKey, None)
REFUSED = OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
RESET = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
REQUEST: Any = aiohttp.RequestInfo(URL("http://h/"), "POST", cast(Any, {}), URL("http://h/"))

ERRORS: list[tuple[BaseException, ErrorType, str]] = [
    (aiohttp.ClientConnectorDNSError(KEY, OSError()), "endpoint_unreachable", "the host name is unknown"),
    (aiohttp.ClientConnectorError(KEY, REFUSED), "endpoint_unreachable", "cannot be reached: Connection refused"),
    (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version number")), "tls_failed",
     "did not complete the TLS handshake: wrong version number"),
    (ssl.SSLError(1, "bad record"), "tls_failed", "bad record"),
    (aiohttp.ConnectionTimeoutError(), "connect_timeout", "did not accept a connection in time"),
    (aiohttp.SocketTimeoutError(), "read_timeout", "did not answer within 30.0 s"),
    (aiohttp.ServerTimeoutError(), "read_timeout", "did not answer within 30.0 s"),
    (TimeoutError(), "read_timeout", "did not answer within 30.0 s"),
    (aiohttp.ClientPayloadError(), "stream_broken", "broke off in the middle of its answer"),
    (aiohttp.ServerDisconnectedError(), "stream_broken", "closed the connection before it answered"),
    (aiohttp.ClientOSError(errno.EPIPE, "Broken pipe"), "stream_broken", "Broken pipe"),
    (RESET, "stream_broken", "Connection reset by peer"),
    (aiohttp.InvalidURL("http://"), "endpoint_not_found", "is not a valid address"),
    (aiohttp.ClientResponseError(REQUEST, ()), "bad_response", "not HTTP: ClientResponseError"),
    (aiohttp.ClientConnectionError(), "bad_response", "not HTTP"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "error_type", "detail"), ERRORS, ids=[type(one[0]).__name__ for one in ERRORS])
def test_every_way_to_fail_has_a_type_and_a_reason(error: BaseException, error_type: ErrorType, detail: str) -> None:
    found_type, found_detail = network_error(error, 30.0)
    assert found_type == error_type
    assert detail in found_detail


def test_a_certificate_that_does_not_fit_is_a_tls_failure() -> None:
    key = ConnectionKey("h", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
    error = aiohttp.ClientConnectorCertificateError(key, ssl.SSLCertVerificationError(1, "certificate has expired"))
    assert network_error(error, 30.0)[0] == "tls_failed"


def test_the_failure_names_model_and_endpoint() -> None:
    call_failure = network_failure(
        TimeoutError(), model(endpoint_url="http://gpu:8000/v1"), 2.5, ModelSecrets(None, {})
    )
    assert (call_failure.error_type, call_failure.detail) == ("read_timeout", "gpu:8000 did not answer within 2.5 s")
    assert "PATCH /api/models/custom/m" in call_failure.tips[0]


def test_the_failure_does_not_hold_the_key() -> None:
    error = aiohttp.ClientOSError(1, "sent opensesame")
    assert "opensesame" not in network_failure(error, model(), 1.0, ModelSecrets("opensesame", {})).detail
