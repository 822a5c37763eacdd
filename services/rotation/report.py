"""How the rotation is shown: a bar or lines on standard error while it runs, then tables or JSON. Never a secret."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from services.rotation.resealing import Unreadable, removable_keys, travelling_s
from services.rotation.rotation import Inventory, Places, Rotation, Seen
from shared.crypto import KeyRing
from shared.crypto.places import SealedPlace

_SHOWN = 20
_LINE_EVERY_S = 5.0
_PIPE_COLUMNS = 200  # rich would wrap at 80; programs that read a pipe want whole lines


def status_as_json(ring: KeyRing, places: Places, inventory: Inventory) -> dict[str, Any]:
    used = _by_key(inventory)
    missing = [kid for kid in used if kid is not None and kid not in ring.ciphers]
    return {
        "sealing_key": ring.sealing_kid,
        "keys": [
            {"kid": kid, "in_ring": kid in ring.ciphers, "secrets": used[kid]}
            for kid in (*ring.ciphers, *missing, *([None] if None in used else []))
        ],
        "missing_keys": missing,
        "removable_keys": removable_keys(ring, list(used)),
        "wait_before_removal_s": travelling_s(),
        "places": [_place_as_json(place, inventory) for place in places],
        "unreadable": [unreadable._asdict() for unreadable in inventory.unreadable],
    }


def rotation_as_json(ring: KeyRing, places: Places, rotation: Rotation) -> dict[str, Any]:
    return {
        "sealing_key": ring.sealing_kid,
        "places": [
            {
                "place": place.name,
                "resealed": rotation.resealed[place.name],
                "already": rotation.already[place.name],
                "unreadable": sum(unreadable.place == place.name for unreadable in rotation.unreadable),
            }
            for place in places
        ],
        "unreadable": [unreadable._asdict() for unreadable in rotation.unreadable],
    }


def show_status(status: dict[str, Any], as_json: bool) -> None:
    _show(status, as_json, _status_views)


def show_rotation(done: dict[str, Any], as_json: bool) -> None:
    _show(done, as_json, _rotation_views)


@contextmanager
def progress() -> Iterator[Seen]:
    """On a terminal a bar for each place; otherwise a line when a place is done, and every few seconds."""
    if sys.stderr.isatty():
        with _bars() as seen:
            yield seen
    else:
        yield _lines(time.monotonic)


@contextmanager
def _bars() -> Iterator[Seen]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def seen(place: SealedPlace, looked_at: int, total: int) -> None:
            if place.name not in tasks:
                tasks[place.name] = bars.add_task(place.name, total=total)
            # Rows are added and removed meanwhile, so the count may pass the total; a bar is never more than full.
            bars.update(tasks[place.name], completed=looked_at, total=max(total, looked_at))

        yield seen


def _lines(clock: Callable[[], float]) -> Seen:
    written_at = clock()

    def seen(place: SealedPlace, looked_at: int, total: int) -> None:
        nonlocal written_at
        if looked_at >= total or clock() - written_at >= _LINE_EVERY_S:
            written_at = clock()
            sys.stderr.write(f"{place.name}: {looked_at} of {max(total, looked_at)}\n")
            sys.stderr.flush()

    return seen


def _status_views(status: dict[str, Any]) -> Iterator[RenderableType]:
    kids = [key["kid"] for key in status["keys"]]
    made = _counts("Sealed secrets", *(_kid_text(kid) for kid in kids), "unreadable")
    for place in status["places"]:
        counts = {key["kid"]: key["secrets"] for key in place["keys"]}
        made.add_row(place["place"], *(str(counts.get(kid, 0)) for kid in kids), _alarming(place["unreadable"]))
    yield made
    yield Text.assemble("New secrets are sealed under ", (status["sealing_key"], "bold"), ".")
    for kid in status["missing_keys"]:
        yield Text(f"✗ {_plain(kid)} is used, and is not in TALLYGATE_KEYS: put it back.", style="red")
    yield from _unreadable_views(status["unreadable"])
    yield from _removal_views(status)


def _removal_views(status: dict[str, Any]) -> Iterator[RenderableType]:
    removable = status["removable_keys"]
    if not removable:
        yield Text("No key may be removed from TALLYGATE_KEYS.")
        return
    yield Text(f"✓ Nothing here is sealed under {_plain(', '.join(removable))}.", "green")
    yield Text(
        f"  An old key may be removed, but not at once: messages on the topics may still be under it. Restart every "
        f"service with {_plain(status['sealing_key'])} first in TALLYGATE_KEYS, then wait as long as the topics keep "
        "messages, and look again:"
    )
    for topic, retention_s in status["wait_before_removal_s"].items():
        yield Text(f"    {topic}: {timedelta(seconds=retention_s)}")


def _rotation_views(done: dict[str, Any]) -> Iterator[RenderableType]:
    made = _counts("Rotation", "resealed", f"under {done['sealing_key']} already", "unreadable")
    for place in done["places"]:
        made.add_row(place["place"], str(place["resealed"]), str(place["already"]), _alarming(place["unreadable"]))
    yield made
    yield from _unreadable_views(done["unreadable"])
    if not done["unreadable"]:
        yield Text(f"✓ All that was found is under {done['sealing_key']}. Next: tallygate secrets status", "green")


def _unreadable_views(unreadable: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    if not unreadable:
        return
    made = Table(*Unreadable._fields, title=f"Unreadable: {len(unreadable)}", title_justify="left")
    for row in unreadable[:_SHOWN]:
        made.add_row(*(Text(_plain(_kid_text(row[name]))) for name in Unreadable._fields))
    yield made
    if len(unreadable) > _SHOWN:
        yield Text(f"and {len(unreadable) - _SHOWN} more; all of them with --json")


def _place_as_json(place: SealedPlace, inventory: Inventory) -> dict[str, Any]:
    counts = {kid: count for (name, kid), count in inventory.counts.items() if name == place.name}
    return {
        "place": place.name,
        "secrets": sum(counts.values()),
        "keys": [{"kid": kid, "secrets": count} for kid, count in counts.items()],
        "unreadable": sum(unreadable.place == place.name for unreadable in inventory.unreadable),
    }


def _by_key(inventory: Inventory) -> Counter[str | None]:
    used: Counter[str | None] = Counter()
    for (_, kid), count in inventory.counts.items():
        used[kid] += count
    return used


def _show(body: dict[str, Any], as_json: bool, views: Callable[[dict[str, Any]], Iterator[RenderableType]]) -> None:
    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
    if as_json:
        console.print_json(json.dumps(body))
        return
    for view in views(body):
        console.print(view)


def _counts(title: str, *columns: str) -> Table:
    """One row for each place."""
    made = Table("", title=title, title_justify="left")
    for column in columns:
        made.add_column(Text(_plain(column)), justify="right")
    return made


def _kid_text(kid: str | None) -> str:
    return "?" if kid is None else kid


def _alarming(count: int) -> Text:
    return Text(str(count), style="red" if count else "")


def _plain(text: str) -> str:
    """Key ids and names are stored data: they must not send control sequences to the terminal."""
    return "".join(char for char in text if char.isprintable())
