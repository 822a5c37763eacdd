"""Lists and fields that fit the terminal: nothing is cut, and no id, number or date is broken that fits on a line."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_GAP = 2  # between columns
_INDENT = 2
_PROSE_COLUMNS = 24  # longer text is wrapped between its words, in a column no narrower than this


class Listing:
    """A table where the terminal is wide enough for it; otherwise each row as a block of lines below its first cell.

    numbers: the names of columns that hold numbers. They stand to the right, and in a block together on one line.
    """

    def __init__(self, *columns: str, numbers: Sequence[str] = ()) -> None:
        self._columns = columns
        self._numbers = numbers
        self._rows: list[tuple[Text, ...]] = []

    def add_row(self, *cells: Text) -> None:
        self._rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = [[name, *(row[at].plain for row in self._rows)] for at, name in enumerate(self._columns)]
        whole = [max(map(_width, column)) for column in columns]
        if console.soft_wrap:  # a pipe gets whole lines, however long they are
            yield from console.render(self._table(whole), options.update(width=_with_gaps(whole)))
        elif (widths := fitted([_least(column) for column in columns], whole, options.max_width)) is not None:
            yield self._table(widths)
        else:
            yield Text(self._columns[0], "dim")
            yield from map(self._block, self._rows)

    def _table(self, widths: Sequence[int]) -> Table:
        made = Table(box=None, pad_edge=False, padding=(0, _GAP // 2), header_style="dim")
        for name, width in zip(self._columns, widths, strict=True):
            made.add_column(name, justify="right" if name in self._numbers else "left", width=width, overflow="fold")
        for row in self._rows:
            made.add_row(*row)
        return made

    def _block(self, row: Sequence[Text]) -> RenderableType:
        title, *others = row
        named = [(name, value) for name, value in zip(self._columns[1:], others, strict=True) if value.plain]
        numbers = [Text.assemble((f"{name} ", "dim"), value) for name, value in named if name in self._numbers]
        lines: list[RenderableType] = [Fields([(name, value) for name, value in named if name not in self._numbers])]
        lines += [Text("  ").join(numbers)] if numbers else []
        return Group(Text.assemble(title, style="bold"), *map(_indented, lines))


class Fields:
    """Names and values, a line each. A value with a word too long for its column gets lines of its own."""

    def __init__(self, fields: Sequence[tuple[str, Text]]) -> None:
        self._fields = fields
        self._names_width = max((_width(name) for name, _ in fields), default=0)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for name, value in self._fields:
            label = Text(f"{name:<{self._names_width + _GAP}}", "dim")
            room = options.max_width - label.cell_len
            if console.soft_wrap or _width(value.plain) <= room:
                yield Text.assemble(label, value)
            elif _longest_word(value.plain) <= room:
                grid = Table.grid()
                grid.add_column(width=label.cell_len)
                grid.add_column(width=room, overflow="fold")
                grid.add_row(label, value)
                yield grid
            else:
                yield Text(name, "dim")
                yield _indented(value)


class Wrapped:
    """Lines of text. A line that is too long continues below, indented further."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if console.soft_wrap:
            yield self._text
            return
        for line in self._text.split(allow_blank=True):
            indent = len(line.plain) - len(line.plain.lstrip(" "))
            first, *others = line[indent:].wrap(console, options.max_width - indent - _INDENT) or [Text()]
            yield Text(" " * indent).append_text(first)
            yield from (Text(" " * (indent + _INDENT)).append_text(other) for other in others)


def fitted(least: Sequence[int], whole: Sequence[int], available: int) -> list[int] | None:
    """The widths of columns, each from its least to its whole one; None when there is no room for the least."""
    left = available - _with_gaps(least)
    if left < 0:
        return None
    widths = list(least)
    by_wish = sorted(range(len(least)), key=lambda at: whole[at] - least[at])
    for place, at in enumerate(by_wish):
        more = min(whole[at] - least[at], left // (len(by_wish) - place))
        widths[at] += more
        left -= more
    return widths


def _indented(lines: RenderableType) -> Padding:
    return Padding(lines, (0, 0, 0, _INDENT), expand=False)


def _with_gaps(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _least(column: Sequence[str]) -> int:
    """The least width of a column: short texts stay on one line, long ones are wrapped between words."""
    return max(min(_width(text), max(_PROSE_COLUMNS, _longest_word(text))) for text in column)


def _width(text: str) -> int:
    return max(map(cell_len, text.splitlines()), default=0)


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)
