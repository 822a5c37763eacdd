"""Pure: whether a text is the URL of a repository that may be cloned, and what git is given for it."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.errors import TallygateError
from shared.guard import Guard

INSTEAD = "Upload an archive or send the files inline instead."
_PUBLIC = "Give the https:// URL of a public repository."
_BAD_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/+.]|[/.]$|\.lock$")


class Remote(NamedTuple):
    """Where a repository is. url: with the host as it was checked, so that git reads the same one. name: for people."""

    scheme: str
    host: str
    port: int
    url: str
    name: str


def parse_remote(url: str) -> Remote:
    """Raises TallygateError invalid_request. Never repeats what may be a password."""
    if "@" in url.partition("://")[2].partition("/")[0] or ("@" in url and "://" not in url):
        raise invalid("repo must not hold credentials or use ssh: only public repositories over https are cloned")
    if not url.lower().startswith(("https://", "http://")):
        raise invalid("repo must be an https:// URL")
    if "?" in url:
        raise invalid("repo must not have a query: git would not be given it")
    try:
        scheme, host, port = Guard.check_url(url)
    except TallygateError as error:
        detail = error.failure.detail.replace("endpoint_url", "repo").replace("https://host/v1", "https://host/name")
        raise invalid(detail) from None
    # A host that begins so would be an instruction in http.curloptResolve and not the name that was checked.
    path = urlsplit(url).path.rstrip("/")
    if host.startswith(("-", "+")) or not path or not path.isascii():
        raise invalid("repo does not name a repository on a valid host")
    shown_host = f"[{host}]" if ":" in host else host
    place = shown_host if port == {"https": 443, "http": 80}[scheme] else f"{shown_host}:{port}"
    return Remote(scheme, host, port, f"{scheme}://{place}{path}", f"{place}{path.removesuffix('.git')}")


def check_ref(ref: str | None) -> str:
    """What git is asked for. Raises TallygateError invalid_request for what can be no branch, tag or commit."""
    if ref is None:
        return "HEAD"
    if _BAD_IN_REF.search(ref):
        raise invalid("ref must be the name of a branch or tag, or a whole commit id")
    return ref


def invalid(detail: str, *tips: str) -> TallygateError:
    title = "The repository cannot be cloned"
    return TallygateError("invalid_request", detail, title=title, tips=tips or (_PUBLIC, INSTEAD))
