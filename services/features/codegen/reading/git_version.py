"""Whether the git beside this worker may be used: an older one resolves names a second time, past the guard."""

import functools
import re
import subprocess

INSTALL = "install git 2.37 or newer beside the features worker (apt-get install git), then restart it"
LEAST = (2, 37)  # the first that heeds http.curloptResolve, by which addresses are pinned


@functools.cache
def git_refusal() -> str | None:
    """Why no repository can be cloned here; None when it can. Asked once: what is installed later needs a restart."""
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"git cannot be run beside the features worker ({type(error).__name__})"
    return refusal_of(done.stdout)


def refusal_of(printed: str) -> str | None:
    """printed: by `git --version`."""
    found = re.search(r"(\d{1,9})\.(\d{1,9})", printed)
    if found is None:
        return "git beside the features worker does not say its version"
    version = int(found[1]), int(found[2])
    if version >= LEAST:
        return None
    needed = ".".join(map(str, LEAST))
    return f"git beside the features worker is {found[0]}; {needed} is the first that keeps to a checked address"
