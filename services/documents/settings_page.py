"""The tables of docs/settings.md. Each stands between two marks, which name the class of its settings."""

from services.documents.settings_classes import classes, default_of, settings_of
from shared.settings import allowed

_BEGIN, _END = "<!-- table of ", "<!-- end -->"
_HEAD = "\n| variable | default | allowed | meaning |\n|---|---|---|---|\n"


def with_tables(page: str) -> str:
    """The page with its tables as the classes say. Raises ValueError when a class has no place on it."""
    before, *places = page.split(_BEGIN)
    placed = [place.partition(" -->")[0] for place in places]
    if missing := classes().keys() - placed:
        raise ValueError(f"docs/settings.md has no place for the settings of {', '.join(sorted(missing))}")
    return before + "".join(map(_renewed, placed, places))


def _renewed(name: str, place: str) -> str:
    """place: of the page, from the name in one mark to the next."""
    _, _, after = place.partition(_END)
    return f"{_BEGIN}{name} -->\n{_table(name)}{_END}{after}"


def _table(name: str) -> str:
    rows = [
        f"| `{setting.variable}` | {default_of(setting)} | {allowed(setting.field)} | {setting.field.description} |\n"
        for setting in settings_of(classes()[name])
    ]
    return _HEAD + "".join(rows) + "\n"
