"""Addresses of endpoints: their base, what they say of the wire format, and where an operation is below them.

A query, as Azure's `?api-version=`, belongs to the endpoint: it stays behind whatever path is put below the base.
"""

import re

from shared.operations import WireFormat
from shared.wire.dialects import DIALECTS, dialect_of

_HOST = re.compile(r"https?://([^:/?]+)", re.IGNORECASE)  # urlsplit would raise for what is no URL
# As ANTHROPIC_BASE_URL is written: Microsoft Foundry, DeepSeek, Moonshot, Z.ai and others speak the format below it.
_ANTHROPIC = "/anthropic"
_OWN_HOST = re.compile(r"https?://api\.anthropic\.com(?::\d+)?", re.IGNORECASE)


def base_url(endpoint_url: str, wire_format: WireFormat) -> str:
    """The endpoint without a trailing slash and without the path that the wire format adds; its query stays."""
    place, query = _parts(endpoint_url)
    place = place.removesuffix(dialect_of(wire_format).completions_path).rstrip("/")
    if wire_format == "anthropic" and (place.endswith(_ANTHROPIC) or _OWN_HOST.fullmatch(place)):
        place += "/v1"
    return place + query


def below(base: str, path: str) -> str:
    """The address of a path below a base; the path may have a query of its own."""
    (place, query), (path, more) = _parts(base), _parts(path)
    return place + path + (f"{query}&{more[1:]}" if query and more else query or more)


def wire_format_of(endpoint_url: str) -> WireFormat | None:
    """What the URL itself gives away; its path comes before its host, which may speak several formats."""
    place, _ = _parts(endpoint_url)
    for wire_format, dialect in DIALECTS.items():
        if place.endswith(dialect.completions_path):
            return wire_format
    if place.removesuffix("/v1").endswith(_ANTHROPIC):
        return "anthropic"
    host = _HOST.match(place)
    hosts = {host: wire_format for wire_format, dialect in DIALECTS.items() for host in dialect.hosts}
    return hosts.get(host[1].lower()) if host else None


def _parts(url: str) -> tuple[str, str]:
    """What is before the query, without trailing slashes, and the query with its `?`."""
    place, mark, query = url.strip().partition("?")
    return place.rstrip("/"), mark + query
