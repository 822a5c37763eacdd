"""Pure: from what git prints when it fails to the failure that the caller sees."""

import re
from collections.abc import Callable

from services.features.codegen.reading.git_url import INSTEAD, Remote, invalid
from shared.errors import TallygateError

_UNREACHABLE = "The repository's host cannot be reached"
_RULES: tuple[tuple[re.Pattern[str], Callable[[Remote, str], TallygateError]], ...] = (
    (
        re.compile(r"error: 30\d|redirect", re.IGNORECASE),
        lambda remote, _: invalid(f"{remote.name} redirects, which is not followed: give the URL that it leads to"),
    ),
    (
        re.compile(r"could not read Username|Authentication failed|terminal prompts disabled|error: 40[13]"),
        lambda remote, _: invalid(f"{remote.name} does not exist or needs credentials; only public ones are cloned"),
    ),
    (
        re.compile(r"remote ref|not our ref|unadvertised object|no such ref|does not point to a commit"),
        lambda remote, ref: invalid(f"{remote.name} has no {_worded(ref)}"),
    ),
    (
        re.compile(r"dumb http transport", re.IGNORECASE),
        lambda remote, _: invalid(f"{remote.name} is on a server that only hands out files: it cannot give one commit"),
    ),
    (
        re.compile(r"SSL|TLS|certificate|CAfile", re.IGNORECASE),
        lambda remote, _: TallygateError(
            "tls_failed", f"the TLS connection to {remote.host} failed", host=remote.host, tips=(INSTEAD,)
        ),
    ),
    (
        re.compile(r"Could not resolve|(?:Failed to|Couldn't) connect|[Cc]onnection (?:refused|reset|timed out)|Empty"),
        lambda remote, _: unreachable(remote, "no connection could be made"),
    ),
    (
        re.compile(r"error: (?:429|5\d\d)"),
        lambda remote, _: unreachable(remote, "it answered that it cannot serve the repository now"),
    ),
    (
        re.compile(r"error: 4\d\d|not found|not valid: is this a git repository|does not appear to be a git"),
        lambda remote, _: invalid(f"{remote.name} was not found: there is no public repository at this URL"),
    ),
    (
        re.compile(r"early EOF|hung up|RPC failed|unexpected disconnect|transfer closed|bad line length|Recv failure"),
        lambda remote, _: unreachable(remote, "the connection broke"),
    ),
)  # fmt: skip


def git_failure(remote: Remote, ref: str, stderr: str) -> TallygateError:
    """What the server itself says (lines after `remote:`) decides nothing."""
    said = "\n".join(line for line in re.split(r"[\r\n]+", stderr) if not line.startswith("remote:"))
    for pattern, failure in _RULES:
        if pattern.search(said):
            return failure(remote, ref)
    return invalid(f"{remote.name} could not be cloned: git cannot read what its server sends")


def unreachable(remote: Remote, why: str) -> TallygateError:
    tips = (f"Check that {remote.host} is reachable from the features worker, and try again.", INSTEAD)
    return TallygateError("endpoint_unreachable", f"{remote.name}: {why}", title=_UNREACHABLE, tips=tips)


def _worded(ref: str) -> str:
    return "commit to read: it is empty" if ref == "HEAD" else f"branch, tag or commit {ref}"
