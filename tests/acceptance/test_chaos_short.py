"""The short form of `make chaos`: every service, the broker and the database die once, and the books balance.

Beside a hostile tenant, and with odd events from upstream."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WITHIN_S = 240.0  # alone it takes about a minute; other tests run beside it
STOPS_WITHIN_S = 60.0


@pytest.mark.timeout(WITHIN_S + STOPS_WITHIN_S + 10)
def test_nothing_is_lost_whoever_dies(tmp_path: Path) -> None:
    result = tmp_path / "chaos.json"

    status, output = _ran("--short", "--seed", "1", "--json", str(result))

    assert status == 0, output
    assert json.loads(result.read_text())["kept"]


def _ran(*arguments: str) -> tuple[int, str]:
    """Told to stop when it takes too long, and not killed: it has a stack to take down."""
    command = [sys.executable, "-m", "tests.chaos", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            output, _ = process.communicate(timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            output, _ = process.communicate(timeout=STOPS_WITHIN_S)
        return process.returncode, output
