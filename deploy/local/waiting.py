"""Wait for something to become ready, up to a deadline. A check returns None when ready, else why it is not yet."""

import time
from collections.abc import Callable

Check = Callable[[], str | None]

POLL_S = 0.1


class NotReady(Exception):  # noqa: N818 - it says what is the case, as the sentence it carries
    """The deadline has passed; the message is the last reason of the check."""


def wait_until(check: Check, timeout_s: float, on_reason: Callable[[str], None] = lambda _: None) -> None:
    deadline = time.monotonic() + timeout_s
    while (reason := check()) is not None:
        if time.monotonic() > deadline:
            raise NotReady(f"not ready after {timeout_s:g} s: {reason}")
        on_reason(reason)
        time.sleep(POLL_S)
