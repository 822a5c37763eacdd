"""Pure: whether a text is the URL of an endpoint, and nothing that two parsers could read in two ways."""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from yarl import URL

from shared.errors import TallygateError
from shared.errors.redact import redact

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label like this makes the C library read an IPv4 address
_MAX_HOST_CHARS = 253
_MAX_PAIRS = 20
# Names of a query that say that its value proves who asks, without case, `-` and `_`.
_PROVES = re.compile(r"key|token|secret|passw|pwd|pass$|auth|credential|signature|sig$|jwt|bearer|session|^code$|^pat$")

_LOOKS_LIKE = "endpoint_url must look like https://host/v1"
_CREDENTIALS = "endpoint_url must not hold credentials; use api_key or headers"
_QUERY = "endpoint_url must not have a fragment, and its query must be of pairs like api-version=2024-10-21"
_PROOF = "endpoint_url must not hold a secret in its query; use api_key or headers"
_HOST = "endpoint_url does not name a valid host and port"


class Endpoint(NamedTuple):
    """Where a URL leads. `host` is as it will be dialled: lower case, in ASCII (xn--), IPv6 without brackets."""

    scheme: str
    host: str
    port: int


def check_url(url: str) -> Endpoint:
    """Raises TallygateError invalid_request, with the reason."""
    if "@" in _authority(url):
        raise _invalid(_CREDENTIALS)
    parts, port = _split(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise _invalid(_LOOKS_LIKE)
    _check_query(url)
    # Parsers drop or turn such characters each in their own way.
    if port == 0 or not url.isprintable() or " " in url or "\\" in url:
        raise _invalid(_HOST)
    port = port or _DEFAULT_PORTS[parts.scheme]
    return Endpoint(parts.scheme, _host(parts, _dialled(url, parts.scheme, port)), port)


def secret_in_query(url: str) -> bool:
    """Whether a part of the query names a secret or looks like one: URLs are shown, stored and logged in the clear."""
    query = url.partition("?")[2].replace(";", "&")  # which some servers take for the same
    pairs = parse_qsl(query, keep_blank_values=True)
    return any(_PROVES.search(_plain(name)) or redact(value) != value for name, value in pairs)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _check_query(url: str) -> None:
    if "#" in url:
        raise _invalid(_QUERY)
    if "?" not in url:
        return
    if secret_in_query(url):
        raise _invalid(_PROOF)
    try:
        pairs = parse_qsl(url.partition("?")[2], keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_PAIRS)
    except ValueError:
        raise _invalid(_QUERY) from None
    if not pairs or not all(name for name, _ in pairs):
        raise _invalid(_QUERY)


def _authority(url: str) -> str:
    """Parsed by hand, because the URL is not validated yet and no message may show a password."""
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        # Beyond ASCII the text of the error repeats what was sent.
        raise _invalid(f"endpoint_url: {error}" if url.isascii() else _HOST) from None
    return parts, port


def _dialled(url: str, scheme: str, port: int) -> str:
    """The host that aiohttp will dial, whose parser is yarl. Both parsers have to see the same URL."""
    try:
        dialled = URL(url)
        if (dialled.scheme, dialled.port) == (scheme, port) and dialled.raw_host:
            return dialled.raw_host
    except ValueError:
        pass
    raise _invalid(_HOST)


def _host(parts: SplitResult, dialled: str) -> str:
    given = parts.hostname or ""
    if "[" in parts.netloc:
        return _ipv6(given)
    labels, dialled_labels = given.split("."), dialled.split(".")
    if len(labels) != len(dialled_labels) or not all(map(_same_label, labels, dialled_labels)):
        raise _invalid(_HOST)
    if _NUMBER.fullmatch(dialled_labels[-1]):
        return _ipv4(dialled)
    if len(dialled) > _MAX_HOST_CHARS:
        raise _invalid(_HOST)
    return dialled


def _same_label(given: str, dialled: str) -> bool:
    """No other ASCII came out of it: fullwidth digits, circled letters and dots of other scripts make other hosts."""
    same = dialled == given if given.isascii() else dialled.startswith("xn--")
    return same and _LABEL.fullmatch(dialled) is not None


def _ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise _invalid(_HOST) from None
    if address.scope_id is not None:
        raise _invalid(_HOST)
    return str(address)


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise _invalid(_HOST) from None


def _invalid(detail: str) -> TallygateError:
    return TallygateError("invalid_request", detail, http_status=400)
