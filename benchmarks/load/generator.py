"""The load generator as the benchmark sees it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from benchmarks.children import stopped
from benchmarks.load.messages import LoadOrder, LoadResult
from deploy.local.failure import LocalRunError


class LoadGenerator:
    def __init__(self, pid: int, orders: IO[str], results: IO[str]) -> None:
        self.pid = pid
        self._orders = orders
        self._results = results

    def start(self, order: LoadOrder) -> None:
        self._orders.write(order.encoded() + "\n")
        self._orders.flush()

    def result(self) -> LoadResult:
        """Of the order that was started; waits for it."""
        line = self._results.readline()
        if not line:
            raise LocalRunError("The load generator has ended.")
        return LoadResult.decoded(line)

    def run(self, order: LoadOrder) -> LoadResult:
        self.start(order)
        return self.result()


@contextmanager
def load_generator() -> Iterator[LoadGenerator]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with stopped(process), process.stdout:
        yield LoadGenerator(process.pid, process.stdin, process.stdout)
