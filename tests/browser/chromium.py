"""Where Chromium is on this machine, and what to do when it is not there."""

import os
import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MISSING = "Chromium was not found; on Debian: sudo apt-get install -y chromium (or name one in BROWSER_TESTS_CHROMIUM)"


def chromium() -> str:
    """Its path. Without it the test is skipped; where BROWSER_TESTS=required (as in CI), it fails."""
    candidates = (os.environ.get("BROWSER_TESTS_CHROMIUM"), *_NAMES)
    found = next((path for name in candidates if name and (path := shutil.which(name))), None)
    if found is None and os.environ.get("BROWSER_TESTS") == "required":
        pytest.fail(_MISSING)
    return found or pytest.skip(_MISSING)


def flags() -> list[str]:
    """As root, as in containers, Chromium's own sandbox cannot be had; what it is shown there is our console only."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []
