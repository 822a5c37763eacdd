# ruff: noqa: RUF001 - characters that look like others are what is tested
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from shared.errors import TallygateError
from shared.guard import Endpoint, Guard

HOST = "does not name a valid host and port"
LOOKS_LIKE = "must look like https://host/v1"
CREDENTIALS = "must not hold credentials"
QUERY = "must not have a fragment, and its query must be of pairs"
PROOF = "must not hold a secret in its query; use api_key or headers"


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://host/v1", Endpoint("http", "host", 80)),
        ("https://host/v1", Endpoint("https", "host", 443)),
        ("HTTPS://Host.Example/V1", Endpoint("https", "host.example", 443)),
        ("http://host:8000", Endpoint("http", "host", 8000)),
        ("http://host:/v1", Endpoint("http", "host", 80)),
        ("http://host:0080/v1", Endpoint("http", "host", 80)),
        ("http://gpu_1.internal-net:65535/v1", Endpoint("http", "gpu_1.internal-net", 65535)),
        ("http://8.8.8.8/v1", Endpoint("http", "8.8.8.8", 80)),
        ("http://127.0.0.1:1/v1", Endpoint("http", "127.0.0.1", 1)),
        ("http://[::1]:8000/v1", Endpoint("http", "::1", 8000)),
        ("http://[0:0:0:0:0:0:0:1]/v1", Endpoint("http", "::1", 80)),
        ("http://[::FFFF:127.0.0.1]/v1", Endpoint("http", "::ffff:7f00:1", 80)),
        ("https://bücher.example/v1", Endpoint("https", "xn--bcher-kva.example", 443)),
        ("https://xn--bcher-kva.example/v1", Endpoint("https", "xn--bcher-kva.example", 443)),
        ("https://host/openai/deployments/a@b/v1", Endpoint("https", "host", 443)),
        ("http://10.0.0.1.nip.io/v1", Endpoint("http", "10.0.0.1.nip.io", 80)),
        (
            "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
            Endpoint("https", "x.openai.azure.com", 443),
        ),
        ("http://host?region=eu&project=", Endpoint("http", "host", 80)),
        ("http://host:8000/v1?a=1%20&a=2/", Endpoint("http", "host", 8000)),
        ("http://1password.example", Endpoint("http", "1password.example", 80)),
    ],
)
def test_an_endpoint_leads_where_it_says(url: str, endpoint: Endpoint) -> None:
    assert Guard().check_url(url) == endpoint


def _refused(url: str) -> str:
    with pytest.raises(TallygateError) as caught:
        Guard().check_url(url)
    assert caught.value.failure.error_type == "invalid_request"
    assert caught.value.failure.http_status == 400
    assert "endpoint_url" in caught.value.failure.detail
    return caught.value.failure.detail


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", LOOKS_LIKE),
        ("host/v1", LOOKS_LIKE),
        ("localhost:8000/v1", LOOKS_LIKE),
        ("//host/v1", LOOKS_LIKE),
        ("ftp://host/v1", LOOKS_LIKE),
        ("file:///etc/passwd", LOOKS_LIKE),
        ("gopher://127.0.0.1:6379/_INFO", LOOKS_LIKE),
        ("http+unix://%2Fvar%2Frun%2Fdocker.sock/v1", LOOKS_LIKE),
        ("ws://host/v1", LOOKS_LIKE),
        ("javascript:alert(1)", LOOKS_LIKE),
        ("http:host", LOOKS_LIKE),
        ("http:/host", LOOKS_LIKE),
        ("http://", LOOKS_LIKE),
        ("http:///v1", LOOKS_LIKE),
        ("http://:8000/v1", LOOKS_LIKE),
        ("http://host/v1?key=secret", PROOF),
        ("http://host/v1?api-version=1&api_key=secret", PROOF),
        ("http://host/v1?API-Key=secret", PROOF),
        ("http://host/v1?subscription-key=secret", PROOF),
        ("http://host/v1?access%5ftoken=secret", PROOF),
        ("http://host/v1?a=1;sig=secret", PROOF),
        ("http://host/v1?code=secret", PROOF),
        ("http://host/v1?v=sk-secret1234", PROOF),
        ("http://host?", QUERY),
        ("http://host?version", QUERY),
        ("http://host?=1", QUERY),
        ("http://host?a=1&&b=2", QUERY),
        ("http://host?a=1#b", QUERY),
        ("http://host?" + "&".join(f"a{number}=1" for number in range(30)), QUERY),
        ("http://host/v1#", QUERY),
        ("http://evil#@good", QUERY),
        ("http://host:65536/v1", "Port out of range"),
        ("http://host:x/v1", "Port could not be cast"),
        ("http://host:-1/v1", "Port could not be cast"),
        ("http://host:80:80/v1", "Port could not be cast"),
        ("http://[::1/v1", "Invalid IPv6 URL"),
    ],
)
def test_another_shape_is_refused_with_the_reason(url: str, why: str) -> None:
    refusal = _refused(url)
    assert why in refusal
    assert "secret" not in refusal.replace(PROOF, "")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@host/v1",
        "http://user@host/v1",
        "http://@host/v1",
        "http://good.com\\@evil/v1",
        "http://good.com%5C@evil/v1",
        "http://good.com:80@127.0.0.1/v1",
        "http://good.com@[::1]/v1",
        "http://a@b@c/v1",
    ],
)
def test_what_looks_like_credentials_is_refused(url: str) -> None:
    refusal = _refused(url)
    assert CREDENTIALS in refusal
    assert "secret" not in refusal


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7F.0x0.0x0.0x1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.0x1",
        "0",
        "0x",
        "1",
        "256.1.1.1",
        "1.2.3.4.5",
        "999999999999",
    ],
)
def test_an_ipv4_address_in_an_unusual_form_is_refused(host: str) -> None:
    assert HOST in _refused(f"http://{host}/v1")


@pytest.mark.parametrize("host", ["localhost.", "127.0.0.1.", "example.com.", "example.com..", ".example.com", "a..b"])
def test_a_host_with_an_empty_label_is_refused(host: str) -> None:
    assert HOST in _refused(f"http://{host}/v1")


@pytest.mark.parametrize(
    "host",
    [
        "１２７.0.0.1",  # fullwidth digits
        "①②⑦.⓪.⓪.①",
        "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
        "127。0。0。1",  # an ideographic full stop
        "127．0．0．1",
        "127｡0｡0｡1",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "ｌｏｃａｌｈｏｓｔ",
        "lo\u00adcalhost",  # a soft hyphen
        "local\u200bhost",  # a zero width space
        "local\u2060host",
        "evil。com",
        "example.com／evil",
        "example.com＠evil",
        "example.com：80",
        "example.com＃evil",
        "℀.example",
        "\u202elocalhost",
        "٣.0.0.1",  # an Arabic digit
    ],
)
def test_a_unicode_host_that_becomes_another_one_is_refused(host: str) -> None:
    assert _refused(f"http://{host}/v1")


@pytest.mark.parametrize(
    "url",
    [
        " http://host/v1",
        "http://host/v1 ",
        "http://a b/v1",
        "http://host/a b",
        "http://host\t/v1",
        "http://host\n/v1",
        "http://ho\rst/v1",
        "http://host/\x00v1",
        "http://host\x00.evil/v1",
        "http://host/\u2028v1",
        "http://host/\u00a0v1",
        "http://host\\v1",
        "http://host/\\evil/v1",
        "http:\\\\host/v1",
        "h\nttp://host/v1",
        "\x01http://host/v1",
    ],
)
def test_whitespace_control_characters_and_backslashes_are_refused(url: str) -> None:
    assert _refused(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://host:0/v1",
        "http://host:٨٠/v1",
        "http://host:+80/v1",
        "http://host:8_0/v1",
        "http://a%00b/v1",
        "http://127%2e0%2e0%2e1/v1",
        "http://%6c%6f%63%61%6chost/v1",
        "http://a,b/v1",
        "http://a;b/v1",
        "http://a$b/v1",
        "http://[fe80::1%25eth0]/v1",
        "http://[fe80::1%eth0]/v1",
        "http://[127.0.0.1]/v1",
        "http://[v1.abc]/v1",
        "http://[::1]evil/v1",
        "http://evil[::1]/v1",
        "http://[::1]./v1",
        "http://[host]/v1",
        "http://[]/v1",
        "http://::1/v1",
        "http://" + "a" * 64 + "/v1",
        "http://" + "a." * 127 + "com/v1",
    ],
)
def test_what_is_no_host_and_port_is_refused(url: str) -> None:
    assert _refused(url)


@given(st.text(alphabet="htps:/[]@?#.%\\ ab0-9x\x00é。１") | st.text())
def test_what_is_accepted_is_dialled_as_it_was_read(text: str) -> None:
    url = "http://" + text
    try:
        endpoint = Guard().check_url(url)
    except TallygateError:
        return
    dialled = URL(url + "/chat/completions")
    assert (dialled.scheme, dialled.raw_host, dialled.port) == endpoint
    assert dialled.user is None
