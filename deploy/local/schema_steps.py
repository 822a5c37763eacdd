"""Topics and migrations: one-shot commands of the services, run before the services start."""

import subprocess
import sys
from collections.abc import Mapping

from deploy.local.failure import LocalRunError
from deploy.local.progress import step

STEPS = (["topics", "apply"], ["migrate"])
TIMEOUT_S = 120


def apply_topics_and_migrations(environment: Mapping[str, str]) -> None:
    """Side by side: neither needs the other, and most of their time is the start of Python."""
    with step("apply topics and migrations"):
        started = [(words, _start(words, environment)) for words in STEPS]
        outputs = [(words, _finish(process), process.returncode) for words, process in started]
    for words, output, status in outputs:
        if status:
            raise LocalRunError(f"`tallygate {' '.join(words)}` failed with status {status}:\n{output.strip()}")


def _start(words: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "services", *words],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=TIMEOUT_S)[0]
    except BaseException as error:
        process.kill()
        output = process.communicate()[0]
        if isinstance(error, subprocess.TimeoutExpired):
            return f"{output}\nnot finished after {TIMEOUT_S} s"
        raise
