"""Keep secrets out of every text that leaves the process."""

import re

MAX_DETAIL_CHARS = 600

_SECRET = re.compile(
    r"""
      \b(?:sk|pk|rk|tg|gsk|hf|xai|ghp|glpat)[-_][A-Za-z0-9_\-*.]{4,}       # keys by their usual prefixes
    | \bAIza[A-Za-z0-9_\-]{10,}
    | (?P<bearer>\b[Bb]earer\s+)[^\s"',;]+
    | (?P<named>\b[Aa]pi[-_]?[Kk]ey["']?\s?[:=]\s?["']?)[^\s"',;&]+
    | (?P<url>://)[^/\s:@]+:[^/\s@]+(?=@)                                 # user:password in a URL
    """,
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without the given secrets and without anything that looks like a key, cut to a sane length."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[redacted]")
    text = _SECRET.sub(_keep_the_name, _CONTROL.sub(" ", text))
    return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - 1] + "…"


def _keep_the_name(found: re.Match[str]) -> str:
    return f"{found['bearer'] or found['named'] or found['url'] or ''}[redacted]"
