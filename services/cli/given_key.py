"""A secret given to a command: as an option, in an environment variable, or on standard input."""

import os
import sys

from services.cli.problem import refused


def given_key(given: str | None, variable: str | None, from_stdin: bool) -> str | None:
    """None when none of them was used."""
    if (given is not None) + (variable is not None) + from_stdin > 1:
        raise refused("give the key once: --api-key, --api-key-env or --api-key-stdin")
    if from_stdin:
        given = sys.stdin.readline().strip()
        if not given:
            raise refused("--api-key-stdin was given, and standard input holds no key")
    if variable is not None:
        given = os.environ.get(variable, "").strip()
        if not given:
            raise refused(f"--api-key-env names {variable}, and that variable is not set")
    return given
