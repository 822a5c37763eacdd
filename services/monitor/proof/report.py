"""Print what was found of a day, or sealed: for people, or as JSON."""

import json

from rich.console import Console

from services.monitor.proof.sealing import Sealed
from services.monitor.proof.verifying import Verdict

_SHOWN = 20  # rows of one kind; with --json all that are named
_console = Console(soft_wrap=True, highlight=False, markup=False)


def show_verdict(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        _console.print_json(json.dumps(verdict.as_json()))
        return
    for seal in verdict.seals:
        what = f"{seal.added:,} rows" if seal.sequence == 1 else f"{seal.added:,} rows added, {seal.grown:,} grown"
        _console.print(f"seal {seal.number} of {seal.sealed_at:%Y-%m-%d %H:%M:%S} UTC, key {seal.key_id}: {what}")
    for name, rows in (("changed", verdict.changed), ("missing", verdict.missing), ("added", verdict.added)):
        for row in rows[:_SHOWN]:
            ids = ", ".join(f"{column} {value}" for column, value in row.items() if column != "table")
            _console.print(f"✗ {name}: {row['table']}, {ids}")
        if len(rows) > _SHOWN:
            _console.print(f"✗ {name}: {len(rows) - _SHOWN} more; all with --json")
    for problem in verdict.problems:
        _console.print(f"✗ {problem}")
    if verdict.unsealed:
        _console.print(f"! {verdict.unsealed:,} rows were booked or ended since the last seal; the next one holds them")
    if verdict.is_dropped:
        _console.print("! the rows were dropped by retention; the seals are what is left of the day")
    _console.print(f"The copy of the seals on the topic: {verdict.topic}.")
    words = "is as it was sealed" if verdict.valid else "is NOT as it was sealed"
    _console.print(f"{verdict.day} {words}: {verdict.rows:,} rows.")


def show_sealed(sealed: Sealed, as_json: bool) -> None:
    seal = sealed.seal
    if as_json:
        told = {"day": str(seal.day), "seal": seal.number, "sequence": seal.sequence, "is_new": sealed.is_new,
                "sealed_at": seal.sealed_at.isoformat(), "rows": seal.rows, "added": seal.added, "grown": seal.grown,
                "altered": sealed.altered}  # fmt: skip
        _console.print_json(json.dumps(told))
        return
    if sealed.is_new:
        _console.print(f"{seal.day} is sealed: seal {seal.number}, {seal.rows:,} rows, {seal.added:,} of them new.")
    else:
        _console.print(f"{seal.day}: nothing was booked since seal {seal.number}, which stays the newest.")
    if sealed.altered:
        _console.print(f"✗ {sealed.altered:,} rows are not as they were sealed: tallygate audit --proof {seal.day}")
