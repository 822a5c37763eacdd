import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.bodies import InvalidBodyError
from services.gateway.models.custom_models import checked_endpoint
from shared.registry.models import server_address


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("  https://host/v1  ", "https://host/v1"),
        ("http://host", "http://host"),
        ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://gpu_1.internal-net:65535/v1", "http://gpu_1.internal-net:65535/v1"),
        ("HTTPS://Host/V1", "HTTPS://Host/V1"),
        ("https://bücher.example/v1", "https://bücher.example/v1"),
        ("https://host/openai/deployments/a@b/v1", "https://host/openai/deployments/a@b/v1"),
        (
            "https://host/openai/deployments/a/chat/completions?api-version=1",
            "https://host/openai/deployments/a?api-version=1",
        ),
    ],
)
def test_an_endpoint_is_stored_as_its_base(url: str, stored: str) -> None:
    assert checked_endpoint(url, "openai") == stored


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must look like https://host/v1"),
        ("host/v1", "must look like https://host/v1"),
        ("localhost:8000/v1", "must look like https://host/v1"),
        ("ftp://host/v1", "must look like https://host/v1"),
        ("file:///etc/passwd", "must look like https://host/v1"),
        ("http://", "must look like https://host/v1"),
        ("http:///v1", "must look like https://host/v1"),
        ("http://:8000/v1", "must look like https://host/v1"),
        ("http://user:secret@host/v1", "must not hold credentials"),
        ("http://user@host/v1", "must not hold credentials"),
        ("http://@host/v1", "must not hold credentials"),
        ("http://host\\@evil/v1", "must not hold credentials"),
        ("http://host/v1?key=secret", "must not hold a secret in its query; use api_key or headers"),
        ("http://host/v1?", "must not have a fragment"),
        ("http://host/v1#", "must not have a fragment"),
        ("http://host:0/v1", "does not name a valid host and port"),
        ("http://host:65536/v1", "Port out of range"),
        ("http://host:x/v1", "Port could not be cast"),
        ("http://[::1/v1", "Invalid IPv6 URL"),
        ("http://a b/v1", "does not name a valid host and port"),
        ("http://a..b/v1", "does not name a valid host and port"),
        ("http://a%00b/v1", "does not name a valid host and port"),
        ("http://host\n/v1", "does not name a valid host and port"),
        ("http://host/\x00v1", "does not name a valid host and port"),
        ("http://" + "a" * 64 + "/v1", "does not name a valid host and port"),
    ],
)
def test_what_is_no_endpoint_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(InvalidBodyError, match=why) as caught:
        checked_endpoint(url, "openai")
    assert caught.value.param == "endpoint_url"
    assert "secret" not in str(caught.value).replace("a secret in its query", "")


@given(st.text(alphabet="htps:/[]@?#.%\\ ab0-9=&;\x00é") | st.text())
def test_whatever_is_stored_has_an_address_and_is_stored_the_same_again(text: str) -> None:
    try:
        stored = checked_endpoint("http://" + text, "openai")
    except InvalidBodyError:
        return
    assert server_address(stored)
    assert checked_endpoint(stored, "openai") == stored
