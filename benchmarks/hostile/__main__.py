"""`python -m benchmarks.hostile`: an honest tenant's latency, alone and beside a hostile one."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import orjson
import typer
from rich.table import Table

import benchmarks
from benchmarks.__main__ import main
from benchmarks.figures import percentile
from benchmarks.hostile.callers import CallOrder, Calls
from benchmarks.hostile.scenarios import (
    BEHAVIOURS,
    FAILING_MODELS,
    HONEST_CALLERS,
    HONEST_MODEL,
    SCENARIOS,
    Scenario,
)
from benchmarks.hostile.system import Both, both_of, calling, found_by
from benchmarks.tables import console
from deploy.local.progress import say

app = typer.Typer(add_completion=False, help=__doc__)

_ALONE = "alone"
_GRIPS_S = 1.0  # until what the hostile tenant does is felt
_NAMES = [scenario.name for scenario in SCENARIOS]


class Row(NamedTuple):
    """What both tenants found. slots: of the router; None: its default."""

    slots: int | None
    title: str
    honest: Calls
    hostile: Calls


@app.command()
def hostile(
    checkout: Annotated[Path, typer.Option(help="Whose services run: the folder of a checkout.")] = Path(
        benchmarks.__file__
    ).parents[1],
    seconds: Annotated[float, typer.Option(help="For each scenario.", min=1, max=120)] = 10.0,
    slots: Annotated[str, typer.Option(help="Slots of the router, with commas; 0 is the default.")] = "0,50",
    only: Annotated[str, typer.Option(help=f"Scenarios, with commas, of {', '.join(_NAMES)}.")] = ",".join(_NAMES),
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file too.")] = None,
) -> None:
    """Measure 4 callers of a model that answers in 50 ms, alone and beside another tenant that does its worst."""
    wanted = [scenario for scenario in SCENARIOS if scenario.name in only.split(",")]
    rows = [
        row for many in slots.split(",") for row in measured(checkout.absolute(), int(many) or None, seconds, wanted)
    ]
    console.print(_table(rows))
    if json is not None:
        figures = [_figures(row) for row in rows]
        json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))


def measured(checkout: Path, slots: int | None, seconds: float, wanted: Sequence[Scenario]) -> Iterator[Row]:
    settings = {} if slots is None else {"TALLYGATE_ROUTER_MAX_IN_FLIGHT": str(slots)}
    with both_of(checkout, settings) as both:
        key = both.tenant("honest", {HONEST_MODEL: HONEST_MODEL})
        order = CallOrder(gateway=both.gateway, key=key, callers=HONEST_CALLERS, seconds=seconds,
                          model=f"custom:{HONEST_MODEL}")  # fmt: skip
        _honest(order.model_copy(update={"seconds": 2.0}))  # warm
        yield _said(Row(slots, _ALONE, _honest(order), Calls()))
        for scenario in wanted:
            with calling(_hostile_order(both, scenario, seconds)) as process:
                time.sleep(_GRIPS_S)
                found = _honest(order)
                yield _said(Row(slots, scenario.title, found, found_by(process)))
            time.sleep(scenario.lingers_s)


def _honest(order: CallOrder) -> Calls:
    with calling(order) as process:
        return found_by(process)


def _hostile_order(both: Both, scenario: Scenario, seconds: float) -> CallOrder:
    if scenario.model == "auto":
        models = {f"failing-{number}": "tokens" for number in range(FAILING_MODELS)}
    else:
        models = {behaviour: behaviour for behaviour in BEHAVIOURS}
    model = scenario.model if scenario.model in {"auto", None} else f"custom:{scenario.model}"
    return CallOrder(
        gateway=both.gateway,
        key=both.tenant(f"hostile-{scenario.name}", models),
        callers=scenario.callers,
        seconds=seconds + 2 * _GRIPS_S,
        model=model,
        prompt=scenario.prompt,
        deadline_s=seconds + scenario.lingers_s,
    )


def _said(row: Row) -> Row:
    figures = _figures(row)
    say(f"{row.title}: p50 {figures['p50_ms']:.0f} ms, p99 {figures['p99_ms']:.0f} ms, {figures['errors']} errors")
    return row


def _figures(row: Row) -> dict[str, object]:
    ms = [1000 * taken for taken in row.honest.seconds]
    return {
        "slots": row.slots,
        "scenario": row.title,
        "answered": len(ms),
        "p50_ms": percentile(ms, 0.5),
        "p99_ms": percentile(ms, 0.99),
        "errors": row.honest.errors,
        "statuses": row.honest.others,
        "hostile_answered": len(row.hostile.seconds),
        "hostile_statuses": row.hostile.others,
    }


def _table(rows: Sequence[Row]) -> Table:
    names = ("router\nslots", "beside", "answered", "p50 ms", "p99 ms", "errors", "the hostile one:\nanswered, refused")
    table = Table(*names, title=f"An honest tenant, {HONEST_CALLERS} callers, its model answering in 50 ms")
    for row in rows:
        figures = _figures(row)
        told = f"{figures['hostile_answered']}, {_counted(row.hostile)}" if row.title != _ALONE else ""
        table.add_row(
            str(row.slots or "default"), row.title, str(figures["answered"]), f"{figures['p50_ms']:.1f}",
            f"{figures['p99_ms']:.1f}", _counted(row.honest), told,
        )  # fmt: skip
    return table


def _counted(calls: Calls) -> str:
    """Each status that is not 200, with its number."""
    counted = ((status or "none", many) for status, many in sorted(calls.others.items()) if many)
    return ", ".join(f"{many} x {status}" for status, many in counted) or "0"


if __name__ == "__main__":
    main(app)
