"""One batch of a running system, as a client of ours has it; the gateway may be away in between."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks.batches.lines import AskedLine
from deploy.local.failure import LocalRunError
from shared.batches import LAST_STATES
from shared.client import Client, ProblemError
from shared.client.requests import BATCHES, CHAT, FILES
from tests.support.batches import as_file

_LOOK_EVERY_S = 0.5
_UPLOAD_S = 120.0


class Ended(NamedTuple):
    """A batch that has ended, and the lines of its two files."""

    batch: dict[str, Any]
    output: Sequence[dict[str, Any]]
    error: Sequence[dict[str, Any]]


class Batch:
    def __init__(self, client: Client, folder: Path, lines: Sequence[AskedLine]) -> None:
        """Begins it. folder: for its files."""
        self._client = client
        self._folder = folder
        file = folder / "lines.jsonl"
        file.write_bytes(as_file([line.as_line() for line in lines]))
        file_id = client.upload(FILES, {"purpose": "batch"}, file, _UPLOAD_S).body["id"]
        asked = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
        self.batch_id = str(client.post(BATCHES, asked).body["id"])

    def wait_done(self, lines: int, deadline: float) -> None:
        """Until so many lines are answered or have failed, or it has ended. deadline: of `time.monotonic`."""
        while not ((now := self._now()).get("status") in LAST_STATES or _done(now) >= lines):
            _look_again(now, deadline)

    def wait_ended(self, deadline: float) -> dict[str, Any]:
        while (now := self._now()).get("status") not in LAST_STATES:
            _look_again(now, deadline)
        return now

    def cancel(self) -> None:
        self._client.post(f"{BATCHES}/{self.batch_id}/cancel", {})

    def done(self) -> int:
        return _done(self._now())

    def files(self, ended: dict[str, Any]) -> Ended:
        return Ended(ended, self._lines(ended["output_file_id"]), self._lines(ended["error_file_id"]))

    def _now(self) -> dict[str, Any]:
        """Empty while no gateway tells."""
        try:
            found: dict[str, Any] = self._client.get(f"{BATCHES}/{self.batch_id}").body
        except ProblemError:
            return {}
        return found

    def _lines(self, file_id: str | None) -> list[dict[str, Any]]:
        if file_id is None:
            return []
        file = self._folder / f"{file_id}.jsonl"
        self._client.download(f"{FILES}/{file_id}/content", file)
        return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def _done(batch: dict[str, Any]) -> int:
    counts = batch.get("request_counts") or {}
    return int(counts.get("completed", 0) + counts.get("failed", 0))


def _look_again(now: dict[str, Any], deadline: float) -> None:
    if time.monotonic() > deadline:
        raise LocalRunError(f"The batch has not come far enough in time: {now}")
    time.sleep(_LOOK_EVERY_S)
