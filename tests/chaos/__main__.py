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


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Prove under faults that nothing is lost."
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--callers", type=int)
    parser.add_argument("--short", action="store_true", help="6 faults, 600 requests, 32 callers, within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there too")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left running
    faults, requests, callers = (6, 600, 32) if given.short else (20, 5000, 64)
    order = Order(given.seed, given.faults or faults, given.requests or requests, given.callers or callers, given.short)
    sys.exit(0 if asyncio.run(_run(order, given.json)) else 1)


async def _run(order: Order, report: Path | None) -> bool:
    console.print(f"Chaos with seed {order.seed}: {order.requests} requests of {order.callers} callers, "
                  f"{order.faults} faults.")  # fmt: skip
    async with running_system() as system:
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
