"""`python -m tests.chaos --seed 1`: one run. Exit status 1 when a promise was broken."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tests.chaos.promises import judged
from tests.chaos.report import write_evidence, write_report
from tests.chaos.run import Order, carry_out
from tests.chaos.system import running_system
from tests.chaos.tables import console, show

_REQUESTS_PER_S = 20.0  # of a long run: what two cores can do beside everything else, and books can hold
_HOSTILE_PART = 4  # of so many requests of the honest tenant, one of the hostile
_PATIENT_PART = 4  # and one of the patient; a short run has none


def main() -> None:
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left running
    sys.exit(0 if asyncio.run(_run(_order(given), given.json)) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Prove under faults that nothing is lost."
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int)
    parser.add_argument("--requests", type=int, help="of the honest tenant")
    parser.add_argument("--callers", type=int)
    parser.add_argument("--hostile", type=int, help="requests of the hostile tenant; 0: there is none")
    parser.add_argument("--patient", type=int, help="requests of the patient tenant")
    parser.add_argument("--short", action="store_true", help="7 faults, 600 requests, 32 callers, within a minute")
    parser.add_argument("--minutes", type=float, default=0.0, help="go on for so long, instead of so many faults")
    parser.add_argument("--fault-every", type=float, default=15.0, metavar="SECONDS", help="with --minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there too")
    return parser


def _order(given: argparse.Namespace) -> Order:
    faults, requests, callers = (7, 600, 32) if given.short else (28, 5000, 64)
    if given.minutes:
        requests = int(given.minutes * 60 * _REQUESTS_PER_S)
    requests = requests if given.requests is None else given.requests
    hostile = requests // _HOSTILE_PART if given.hostile is None else given.hostile
    of_patient = 0 if given.short else requests // _PATIENT_PART
    patient = of_patient if given.patient is None else given.patient
    every_s = given.fault_every if given.minutes else 0.0
    return Order(given.seed, given.faults or faults, requests, given.callers or callers, hostile, patient,
                 given.short, given.minutes, every_s)  # fmt: skip


async def _run(order: Order, report: Path | None) -> bool:
    planned = order.planned
    beside = f"{order.hostile} of a hostile and {order.patient} of a patient tenant"
    console.print(f"Chaos with seed {order.seed}: {order.requests} requests of {order.callers} callers, {beside}, "
                  f"{len(planned)} faults.")  # fmt: skip
    async with running_system({one.fault.kind for one in planned}, order.jobs_workers) as system:
        try:
            evidence = await carry_out(order, system)
        except BaseException:
            console.print(f"[red]The run broke off.[/red] Again: {order.command()}\nLogs: {system.keep_logs()}")
            raise
        promises = judged(evidence, order.requests)
        show(order.seed, evidence, promises)
        if report is not None:
            write_report(report, order.seed, evidence, promises)
        kept = all(promise.kept for promise in promises)
        if kept:
            console.print(f"[green]Every promise was kept.[/green] Again: {order.command()}")
        else:
            logs = system.keep_logs()
            write_evidence(logs, evidence)
            console.print(f"[red]A promise was broken.[/red] Again: {order.command()}\nLogs and evidence: {logs}")
        return kept


if __name__ == "__main__":
    main()
