"""Waiting in this process for news of a feature job, and the features workers that are alive."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from shared.errors import Failure, failure
from shared.events import Event, FeatureWorkerBeat, utc_now

_SILENT_S = 10.0
_PACKAGE = "tallygate-generator-"


class FeatureWatch:
    """`changed` is called for every notification; it wakes the watchers of the job, which then read the row."""

    def __init__(self) -> None:
        self._watched: dict[UUID, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def watching(self, feature_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set when the job may have changed."""
        news = asyncio.Event()
        self._watched[feature_id].add(news)
        try:
            yield news
        finally:
            self._watched[feature_id].discard(news)
            if not self._watched[feature_id]:
                del self._watched[feature_id]

    def changed(self, feature_id: str | None) -> None:
        watched = self._watched.values() if feature_id is None else [self._watched.get(UUID(feature_id), set())]
        for events in list(watched):
            for news in events:
                news.set()


class FeatureWorkers:
    """The workers whose heartbeats were heard lately, with their generators."""

    def __init__(self) -> None:
        self._beats: dict[str, tuple[FeatureWorkerBeat, float]] = {}

    def heard(self, event: Event) -> None:
        """Who is silent is forgotten: every start of a worker is another one."""
        if isinstance(event, FeatureWorkerBeat):
            now = time.monotonic()
            self._beats = {name: last for name, last in self._beats.items() if now - last[1] <= _SILENT_S}
            if event.stopped:
                self._beats.pop(event.worker_id, None)
            else:
                age_s = max(0.0, (utc_now() - event.beat_at).total_seconds())
                self._beats[event.worker_id] = (event, now - age_s)

    def alive(self) -> list[FeatureWorkerBeat]:
        now = time.monotonic()
        return [beat for beat, at in self._beats.values() if now - at <= _SILENT_S]

    def why_not(self, generator: str) -> Failure | None:
        """Why no worker can use the generator; None when one can, or when no worker is known."""
        workers = self.alive()
        if not workers or any(generator in worker.generators for worker in workers):
            return None
        installed = sorted({name for worker in workers for name in worker.generators})
        broken = {unusable.name: unusable.reason for worker in workers for unusable in worker.broken}
        reason = broken.get(generator, "it is not installed")
        return failure(
            "generator_unavailable",
            f"generator {generator!r} cannot be used: {reason}; installed: {', '.join(installed) or 'none'}",
            tips=(
                f"Install it where the features workers run, then restart them: pip install {_PACKAGE}{generator}",
                f'Or choose an installed one: "generator": "{(installed or ["template"])[0]}"',
            ),
        )

    def shown(self) -> list[dict[str, Any]]:
        return [
            {
                "worker_id": beat.worker_id,
                "jobs": beat.jobs,
                "generators": list(beat.generators),
                "broken": {broken.name: broken.reason for broken in beat.broken},
                "beat_at": beat.beat_at.isoformat(),
            }
            for beat in self.alive()
        ]
