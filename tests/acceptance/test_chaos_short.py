"""The short form of `make chaos`: every service, the broker and the database die once, and the books balance."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WITHIN_S = 150.0  # alone it takes about a minute


@pytest.mark.timeout(WITHIN_S + 30)
def test_nothing_is_lost_whoever_dies(tmp_path: Path) -> None:
    result = tmp_path / "chaos.json"

    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--short", "--seed", "1", "--json", str(result)],
        capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(result.read_text())["kept"]
