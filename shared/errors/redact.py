"""Keep secrets out of every text that leaves the process."""

import re

MAX_DETAIL_CHARS = 600

# Applied to whatever endpoints answer: once an alternative has begun to repeat, it must match, so that no run of
# characters is gone through again from each of its places.
_SECRET = re.compile(
    r"""
      \b(?:sk|pk|rk|tg|gsk|csk|hf|xai|nvapi|pplx|gh[opsu]|github_pat|glpat)[-_][A-Za-z0-9_\-*.]{4,}  # usual prefixes
    | \b(?:AIza|AKIA|ASIA|r8_)[A-Za-z0-9_\-]{10,}
    | \beyJ[A-Za-z0-9_\-]{8,}+(?:\.[A-Za-z0-9_\-.]+)?                     # a JSON web token, or what may be its half
    | \bwhsec_[A-Za-z0-9+/=]{4,}                                        # of a webhook
    | (?P<bearer>\b(?i:bearer)\s++)[^\s"',;]+
    | (?P<named>(?i:api[-_ ]?key)["']?\s?[:=]\s?["']?)[^\s"',;&]+
    | (?P<url>://)[^/\s]+(?=@)                                            # user:password in a URL
    """,
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without the given secrets and without anything that looks like a key, cut to a sane length."""
    text = _CONTROL.sub(" ", text)
    # The longest first: a secret may begin with another one.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    text = _SECRET.sub(_keep_the_name, text)
    return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - 1] + "…"


def _keep_the_name(found: re.Match[str]) -> str:
    return f"{found['bearer'] or found['named'] or found['url'] or ''}[redacted]"
