"""A batch to its end while everything is killed in turn, and what everyone has seen of it."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from benchmarks.batches.batch import Batch, Ended
from benchmarks.batches.kills import killed_in_turn
from benchmarks.batches.lines import MODELS, AskedLine
from benchmarks.system import System
from deploy.local.progress import say, step
from shared.client import Client
from tests.chaos import gather, on_record, topics
from tests.chaos.evidence import Evidence, Struck
from tests.chaos.logs import logged_errors
from tests.support.live import ModelServer


@dataclass(frozen=True)
class Proof:
    """seconds: from when it was asked for until it had ended."""

    asked: Sequence[AskedLine]
    ended: Ended
    seconds: float
    evidence: Evidence


def register(system: System, model_server: ModelServer) -> None:
    for model in MODELS:
        system.api.register(model, model_server.url)


def carried_out(
    system: System, model_server: ModelServer, asked: Sequence[AskedLine], kills: int, within_s: float
) -> Proof:
    """On a system that nobody has used yet. Raises LocalRunError when the batch takes longer than within_s."""
    asyncio.run(topics.stamp(system.bootstrap_servers))
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="tallygate-batch-") as folder:
        batch = Batch(Client(system.api.gateway, system.api.key), Path(folder), asked)
        say(f"A batch of {len(asked):,} lines; each program is killed {kills} times")
        struck = list(killed_in_turn(system.stack, batch, len(asked), kills, began + within_s))
        now = batch.wait_ended(began + within_s)
        seconds = monotonic() - began
        ended = batch.files(now)
    with step("wait until nothing is open, and gather the evidence"):
        evidence = asyncio.run(_evidence(system, model_server, struck))
    return Proof(asked, ended, seconds, evidence)


async def _evidence(system: System, model_server: ModelServer, struck: Sequence[Struck]) -> Evidence:
    not_ready = await gather.not_ready(system.stack)
    audit = await gather.quiet_audit(system)
    attempts, inferences = await gather.booked(system)
    return Evidence(
        struck=struck,
        notes=[],
        calls=await gather.calls(model_server),
        attempts=attempts,
        inferences=inferences,
        audit=audit,
        lives=await on_record.router_lives(system.bootstrap_servers),
        not_ready=not_ready,
        logged=logged_errors(system.stack.home.logs),
    )
