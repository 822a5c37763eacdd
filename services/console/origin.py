"""Whether a request that changes something comes from one of our own pages."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers


def is_ours(headers: Headers) -> bool:
    """Browsers say where a request comes from, and pages cannot change what they say. What says nothing is no
    browser, and has no cookie that somebody else's page could use."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
