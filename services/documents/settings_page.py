"""The tables of docs/settings.md. Each stands between two marks, which name the class of its settings."""

import re

from services.documents.settings_classes import classes, default_of, settings_of
from shared.settings import allowed

_TABLE = re.compile(r"(<!-- table of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD = "\n| variable | default | allowed | meaning |\n|---|---|---|---|\n"


def with_tables(page: str) -> str:
    """The page with its tables as the classes say. Raises ValueError when a class has no place on it."""
    placed = [found[2] for found in _TABLE.finditer(page)]
    if missing := classes().keys() - placed:
        raise ValueError(f"docs/settings.md has no place for the settings of {', '.join(sorted(missing))}")
    return _TABLE.sub(lambda found: found[1] + _table(found[2]) + found[3], page)


def _table(name: str) -> str:
    rows = [
        f"| `{setting.variable}` | {default_of(setting)} | {allowed(setting.field)} | {setting.field.description} |\n"
        for setting in settings_of(classes()[name])
    ]
    return _HEAD + "".join(rows) + "\n"
