"""Pure: what makes errors of one type, model and endpoint the same: their detail, but for what differs each time."""

import re
from hashlib import blake2b

from shared.errors import Failure

# Ids, numbers, and what is quoted: names, pieces of requests, times.
_DIFFERS = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\b(?=\w*\d)[\w-]+\b")
_READ_CHARS = 300  # of a detail; what follows is often a piece of an answer
_BYTES = 5


def cause_of(error: Failure) -> str:
    """Ten hexadecimal digits, the same in each process."""
    what = f"{error.upstream_status} {_DIFFERS.sub('#', error.detail[:_READ_CHARS])}"
    return blake2b(what.encode(), digest_size=_BYTES).hexdigest()
