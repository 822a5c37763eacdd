"""A git that is cut short has ended, whatever it was still writing."""

import asyncio
from pathlib import Path

import pytest

from services.features.codegen.reading.git_process import Git, TooLargeError


async def test_output_that_nobody_reads_further_does_not_keep_a_refusal_waiting(tmp_path: Path) -> None:
    git = Git(tmp_path, {"alias.flood": "!yes"}, ())
    with pytest.raises(TooLargeError):
        async with asyncio.timeout(30):
            await git.run("flood", max_stdout=1_000_000)
